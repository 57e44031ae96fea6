"""Evaluations of model versions."""

from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.models.records import ModelRecords


class EvaluationService:
    """ModelEvaluations of google/cloud/aiplatform/v1/model_service.proto."""

    def __init__(self, context: Context, records: ModelRecords) -> None:
        self._context = context
        self._records = records

    def import_model_evaluation(self, request: Any) -> Any:
        """Store an evaluation of a version; raises InvalidArgument, NotFound."""
        if not request.model_evaluation.metrics_schema_uri:
            raise InvalidArgument(
                "model_evaluation.metrics_schema_uri is required: it defines `metrics`."
            )
        with self._context.store.transaction():
            evaluation = types.ModelEvaluation(request.model_evaluation)
            evaluation.name = f"{self._version(request.parent)}/evaluations/{new_id()}"
            now: Any = self._context.clock()
            evaluation.create_time = now
            self._context.store.put(evaluation.name, evaluation)
        return evaluation

    def get_model_evaluation(self, request: Any) -> Any:
        """One evaluation; raises InvalidArgument, NotFound."""
        parent, _, last = request.name.rpartition("/evaluations/")
        name = f"{self._version(parent)}/evaluations/{last}"
        evaluation = self._context.store.get(types.ModelEvaluation, name)
        if evaluation is None:
            raise NotFound(f"ModelEvaluation {name} is not found; list those of its version.")
        return evaluation

    def list_model_evaluations(self, request: Any) -> Any:
        """The evaluations of a version, newest first; raises InvalidArgument, NotFound."""
        prefix = f"{self._version(request.parent)}/evaluations/"
        page = list_page(self._context.store.list(types.ModelEvaluation, prefix), request, {}, {})
        return types.ListModelEvaluationsResponse(
            model_evaluations=page.items, next_page_token=page.next_page_token
        )

    def _version(self, reference: str) -> str:
        model = self._records.get(reference)
        return f"{model.name}@{model.version_id}"
