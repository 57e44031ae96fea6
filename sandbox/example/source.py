"""The example's table in the sandbox's BigQuery, which grows with the time."""

from datetime import datetime

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sandbox.example import linnerud
from sandbox.state import State


class Source:
    """`linnerud.measurements`, with no row of later than it was last filled."""

    def __init__(self, state: State) -> None:
        self._client = bigquery.Client(
            project=state.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            location=state.location,
        )
        self.table = f"{state.project}.linnerud.measurements"
        self._filled: datetime | None = None

    def fill(self, now: datetime) -> int:
        """Bring the table to what it is at `now`, at first from 12 weeks before, then from the last
        call on; how many rows came."""
        since, self._filled = self._filled, now
        if since is None:
            return linnerud.load(self._client, now, self.table)
        return linnerud.append(self._client, since, now, self.table) if now > since else 0
