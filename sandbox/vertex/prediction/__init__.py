"""PredictionService: loading models, routing and answering predictions, logging them."""
