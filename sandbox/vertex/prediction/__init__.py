"""PredictionService: loaded models, and which of them answers a request."""
