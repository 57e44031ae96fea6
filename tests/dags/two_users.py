"""Two users of Airflow: ann may see every DAG, bob only those that BOBS_DAGS lists."""

import os
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class TwoUsers(SimpleAuthManager):
    """Airflow's simple auth manager, with rights to single DAGs."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """As there; and of a DAG that is named, only what is the user's."""
        allowed = super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
        if not allowed or details is None or details.id is None or user.get_name() != "bob":
            return allowed
        return details.id in os.environ["BOBS_DAGS"].split(",")
