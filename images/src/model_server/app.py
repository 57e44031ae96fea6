"""The HTTP server's routes: health and predictions."""

import json

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_server.answer import PredictorError, RequestError, answer
from model_server.predictors import Predictor

PREDICT = "/predict"
"""The path of predictions, for callers who name one: those of a model with invokeRoutePrefix do."""


def create_app(
    predictor: Predictor,
    health_route: str,
    predict_route: str,
    failed: str = "Prediction failed: ",
) -> Starlette:
    """The server of a loaded predictor, which predicts at `predict_route` and PREDICT. `failed`
    precedes the texts of errors."""

    async def health(_: Request) -> Response:
        return Response()

    async def predict(request: Request) -> Response:
        body = await request.body()
        try:
            # In a thread: a long prediction must not delay the response to a health probe.
            content, status = await run_in_threadpool(answer, predictor, body), 200
        except RequestError as error:
            content, status = json.dumps({"error": f"{failed}{error}"}).encode(), 400
        except PredictorError as error:
            content, status = json.dumps({"error": f"{failed}{error}"}).encode(), 500
        return Response(content, status, media_type="application/json")

    return Starlette(
        routes=[
            Route(health_route, health, methods=["GET"]),
            Route(predict_route, predict, methods=["POST"]),
            Route(PREDICT, predict, methods=["POST"]),
        ]
    )
