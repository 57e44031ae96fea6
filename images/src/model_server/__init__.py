"""The model server: loads one model from its artifact and answers Vertex AI's prediction requests.

It implements the container contract of Vertex AI
(https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements). `python -m
model_server` serves; `load_predictor` gives the same predictor to code that runs in the image, such
as the step that scores a model for a duel.
"""
