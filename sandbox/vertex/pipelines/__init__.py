"""Pipeline jobs: compiled KFP pipelines, really run, one child process a job.

`service` answers the calls and `supervisor` owns the children; a child is `runner`, which walks
the graph (`dag_executor`) and starts one process a component (`component`, `component_main`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.vertex.pipelines.api.service import PipelineService

__all__ = ["PipelineService"]


def __getattr__(name: str) -> Any:
    # Not imported above: the runner is a child of this package, and would pay two seconds for
    # Google's client library, which only the server needs.
    if name == "PipelineService":
        from sandbox.vertex.pipelines.api.service import PipelineService

        return PipelineService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
