"""Evaluations of model versions, and their slices."""

from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.models.records import ModelRecords


class EvaluationService:
    """ModelEvaluations and ModelEvaluationSlices of
    google/cloud/aiplatform/v1/model_service.proto."""

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
        return self._evaluation(request.name)

    def list_model_evaluations(self, request: Any) -> Any:
        """The evaluations of a version, newest first; raises InvalidArgument, NotFound."""
        prefix = f"{self._version(request.parent)}/evaluations/"
        page = list_page(self._context.store.list(types.ModelEvaluation, prefix), request, {}, {})
        return types.ListModelEvaluationsResponse(
            model_evaluations=page.items, next_page_token=page.next_page_token
        )

    def batch_import_model_evaluation_slices(self, request: Any) -> Any:
        """Store slices of an evaluation, all or none; raises InvalidArgument, NotFound."""
        if not request.model_evaluation_slices:
            raise InvalidArgument("model_evaluation_slices is required: the slices to import.")
        for sent in request.model_evaluation_slices:
            if not sent.metrics_schema_uri or not sent.slice_.dimension:
                raise InvalidArgument(
                    "model_evaluation_slices has one without metrics_schema_uri or "
                    "slice.dimension; both are required."
                )
        with self._context.store.transaction():
            evaluation = self._evaluation(request.parent)
            now: Any = self._context.clock()
            names = []
            for sent in request.model_evaluation_slices:
                one = types.ModelEvaluationSlice(sent)
                one.name, one.create_time = f"{evaluation.name}/slices/{new_id()}", now
                self._context.store.put(one.name, one)
                names.append(one.name)
            dimensions = {one.slice_.dimension for one in request.model_evaluation_slices}
            evaluation.slice_dimensions = sorted({*evaluation.slice_dimensions, *dimensions})
            self._context.store.put(evaluation.name, evaluation)
        return types.BatchImportModelEvaluationSlicesResponse(
            imported_model_evaluation_slices=names
        )

    def get_model_evaluation_slice(self, request: Any) -> Any:
        """One slice; raises InvalidArgument, NotFound."""
        parent, _, last = request.name.rpartition("/slices/")
        name = f"{self._evaluation(parent).name}/slices/{last}"
        found = self._context.store.get(types.ModelEvaluationSlice, name)
        if found is None:
            raise NotFound(f"ModelEvaluationSlice {name} is not found; list those there are.")
        return found

    def list_model_evaluation_slices(self, request: Any) -> Any:
        """The slices of an evaluation, newest first; raises InvalidArgument, NotFound."""
        prefix = f"{self._evaluation(request.parent).name}/slices/"
        page = list_page(
            self._context.store.list(types.ModelEvaluationSlice, prefix),
            request,
            {"slice.dimension": lambda one: one.slice_.dimension},
            {},
        )
        return types.ListModelEvaluationSlicesResponse(
            model_evaluation_slices=page.items, next_page_token=page.next_page_token
        )

    def _evaluation(self, reference: str) -> Any:
        parent, _, last = reference.rpartition("/evaluations/")
        name = f"{self._version(parent)}/evaluations/{last}"
        evaluation = self._context.store.get(types.ModelEvaluation, name)
        if evaluation is None:
            raise NotFound(f"ModelEvaluation {name} is not found; list those of its version.")
        return evaluation

    def _version(self, reference: str) -> str:
        model = self._records.get(reference)
        return f"{model.name}@{model.version_id}"
