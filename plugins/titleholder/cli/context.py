"""The context of a verb: one model, its endpoint and its events."""

import getpass
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from titleholder.config.model import ModelConfig
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.reconciler.engine import Reconciler
from titleholder.reconciler.recorder import REASON, RECORD_TIMEOUT_SECONDS, ChangeContext

# For each read of the endpoint: a person waits, and can repeat the command.
READ_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class CommandContext:
    """One model and its environment."""

    config: ModelConfig
    environment: Environment

    @classmethod
    def of(cls, config: ModelConfig, environ: Mapping[str, str]) -> "CommandContext":
        """With the model's Airflow connection if the environment defines it, else with Google's
        application default credentials."""
        return cls(config, Environment.of_command_line(config.connection, environ))

    @property
    def endpoints(self) -> Endpoints:
        """The model's endpoint and registry entry."""
        return Endpoints(self.environment, self.config, READ_TIMEOUT_SECONDS)

    @property
    def events(self) -> EventsTable:
        """The events table."""
        return self.events_within(RECORD_TIMEOUT_SECONDS)

    def events_within(self, seconds: float) -> EventsTable:
        """The events table, with this timeout for each call."""
        return EventsTable(self.environment, self.config.events_table, timeout_seconds=seconds)

    def engine(self, reason: str | None = None) -> Reconciler:
        """The rollout engine, acting for the user, with the reason that they give."""
        return Reconciler(
            self.endpoints,
            self.events,
            self.config.rollout,
            # Each command counts as a run.
            ChangeContext(
                run=f"command line {datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                actor=getpass.getuser(),
                evidence={REASON: reason} if reason else {},
            ),
            lambda: datetime.now(UTC),
            time.sleep,
        )
