"""JobService, batch prediction jobs."""

from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.batch.opening import Services
from sandbox.vertex.batch.registry import JobRegistry
from sandbox.vertex.batch.requests import check_job, completed_resources
from sandbox.vertex.batch.run import Served
from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.filters import Field
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import new_id, parent_of
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.prediction.model_copies import ModelCopies

_COLLECTION: Final = "batchPredictionJobs"
_OUTPUT_ONLY: Final = (
    *("output_info", "state", "error", "partial_failures", "resources_consumed"),
    *("completion_stats", "create_time", "start_time", "end_time", "update_time"),
    *("model_version_id", "satisfies_pzs", "satisfies_pzi"),
)


class BatchPredictionService:
    """The methods on batch prediction jobs of google/cloud/aiplatform/v1/job_service.proto."""

    def __init__(
        self, context: Context, models: ModelRecords, copies: ModelCopies, services: Services
    ) -> None:
        self._context = context
        self._models = models
        self._copies = copies
        self._bigquery = services.bigquery is not None
        self._services = services
        self._registry = JobRegistry(context, services, self._served)

    def create_batch_prediction_job(self, request: Any) -> Any:
        """Check a job and queue it.

        Raises InvalidArgument, NotFound for the model, PermissionDenied for another project,
        FailedPrecondition without BigQuery for a table, Unimplemented.
        """
        parent = self._context.names.parent(request.parent)
        template = request.batch_prediction_job
        check_job(template, self._context.names, bigquery=self._bigquery)
        job: Any = types.BatchPredictionJob(template)  # a copy
        for field in _OUTPUT_ONLY:
            setattr(job, field, None)
        job.dedicated_resources = completed_resources(template)
        if template.model:
            model = self._models.get(template.model)
            if parent_of(model.name) != parent:
                raise InvalidArgument(
                    f"batch_prediction_job.model {model.name} is not in {parent}; use one there."
                )
            job.model, job.model_version_id = model.name, model.version_id
        job.name = f"{parent}/{_COLLECTION}/{new_id()}"
        self._registry.add(job)
        return _view(job)

    def get_batch_prediction_job(self, request: Any) -> Any:
        """The current job; raises InvalidArgument, NotFound."""
        return _view(self._registry.get(self._name(request.name)))

    def list_batch_prediction_jobs(self, request: Any) -> Any:
        """A page of jobs, newest first; raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        jobs = self._context.store.list(types.BatchPredictionJob, f"{parent}/{_COLLECTION}/")
        fields = {
            "display_name": Field(lambda job: job.display_name, wild=True),
            "model_display_name": Field(self._model_display_name),
            "state": Field(lambda job: job.state.name, names=types.JobState.__members__),
            "create_time": Field(lambda job: job.create_time, time=True),
        }
        page = list_page([_view(job) for job in jobs], request, fields, {})
        return types.ListBatchPredictionJobsResponse(
            batch_prediction_jobs=page.items, next_page_token=page.next_page_token
        )

    def cancel_batch_prediction_job(self, request: Any) -> None:
        """Start to cancel a job; raises InvalidArgument, NotFound, FailedPrecondition."""
        self._registry.cancel(self._name(request.name))

    def delete_batch_prediction_job(self, request: Any) -> Any:
        """Start to delete a finished job, whose output stays.

        Raises InvalidArgument, NotFound, and FailedPrecondition while it runs.
        """
        name = self._name(request.name)
        self._registry.require_finished(name)

        def finish() -> None:
            self._registry.require_finished(name)
            self._registry.delete(name)

        # Google's clients have no path for operations of a batch prediction job.
        return self._context.start(parent_of(name), types.DeleteOperationMetadata(), finish)

    def close(self) -> None:
        """Stop the running jobs, and wait for them."""
        self._registry.close()
        if self._services.bigquery is not None:
            self._services.bigquery.close()

    def _name(self, name: str) -> str:
        return self._context.names.resource(name, _COLLECTION, "name")

    def _served(self, job: Any) -> Served:
        if not job.model:
            unmanaged = job.unmanaged_container_model
            return Served(unmanaged.container_spec, unmanaged.artifact_uri, job.display_name)
        model = self._models.get(f"{job.model}@{job.model_version_id}")
        uri = self._copies.uri(model.name, model.version_id)
        return Served(model.container_spec, uri, model.display_name)

    def _model_display_name(self, job: Any) -> str:
        try:
            return str(self._models.shared(job.model).display_name)
        except NotFound:  # deleted, or unmanaged
            return ""


def _view(job: Any) -> Any:
    """A job as the API returns it: UnmanagedContainerModel.container_spec is input only."""
    if "unmanaged_container_model" in job:
        job = types.BatchPredictionJob(job)
        del job.unmanaged_container_model.container_spec
    return job
