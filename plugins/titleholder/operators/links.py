"""Links of a task to Google's console.

A link is kept as an XCom of the task as soon as its page is known, while it waits too: Airflow
itself keeps links only when a task has ended. The web server reads the XCom by the name in the
serialised DAG, and needs neither this file nor a plugin.
"""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom


class _StoredLink(BaseOperatorLink):
    """A link whose page the task has found."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page that `keep` kept; "" when there is none. Airflow calls this when the task ends,
        and writes what it gets over the XCom."""
        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")

    @classmethod
    def store(cls, context: Mapping[str, Any], page: str) -> None:
        """Show the page from now on; "" shows nothing new."""
        if page:
            context["ti"].xcom_push(key=cls().xcom_key, value=page)


class PipelineLink(_StoredLink):
    """The pipeline job."""

    name = "Vertex AI pipeline"


class EndpointLink(_StoredLink):
    """The endpoint."""

    name = "Endpoint"


class ModelLink(_StoredLink):
    """The registered version that the task was about."""

    name = "Model version"


class ReportLink(_StoredLink):
    """The duel's report."""

    name = "Report"
