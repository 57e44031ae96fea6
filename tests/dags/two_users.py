"""Two users of Airflow: ann may read every DAG, bob only those in BOBS_DAGS."""

import os
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class TwoUsers(SimpleAuthManager):
    """Airflow's simple auth manager, with permissions for single DAGs."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """As in Airflow; bob is authorized only for his DAGs."""
        allowed = super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
        if not allowed or details is None or details.id is None or user.get_name() != "bob":
            return allowed
        return details.id in os.environ["BOBS_DAGS"].split(",")
