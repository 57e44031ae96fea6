"""Links of a task to pages of Google's console (gcp/console.py).

A link is stored as an XCom of the task as soon as its page is known, also while the task is
deferred: Airflow itself stores links only when a task has ended. The web server reads the XCom by
the name in the serialized DAG, and needs neither this file nor a plugin.
"""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom


class _StoredLink(BaseOperatorLink):
    """A link to a page that the task has stored."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The stored page; "" when there is none. Airflow calls this when the task ends, and
        overwrites the XCom with the result."""
        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")

    @classmethod
    def store(cls, context: Mapping[str, Any], page: str) -> None:
        """Store the page; "" changes nothing."""
        if page:
            context["ti"].xcom_push(key=cls().xcom_key, value=page)


class PipelineLink(_StoredLink):
    """The pipeline job."""

    name = "Vertex AI pipeline"


class EndpointLink(_StoredLink):
    """The endpoint."""

    name = "Endpoint"


class ModelLink(_StoredLink):
    """The registered version of the task."""

    name = "Model version"


class ReportLink(_StoredLink):
    """The duel's report."""

    name = "Report"
