"""Compares the champion's newest loss with its reference, and decides what follows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import Asset

from titleholder.alerts.alert import Link
from titleholder.alerts.callback_context import is_backfill
from titleholder.alerts.from_watch import ALERTED_ACTIONS, alert_for_watch_event
from titleholder.analysis.model_pair import ModelPair
from titleholder.analysis.watching.champion import WatchedChampion, watched_champion
from titleholder.analysis.watching.consequences import occasions_of, occurrences
from titleholder.analysis.watching.data_drift import sentence
from titleholder.analysis.watching.history import history_since
from titleholder.analysis.watching.look import ChampionLook, Measured, look_at
from titleholder.analysis.watching.retraining import (
    Circumstances,
    Retraining,
    cooldown_of,
    retraining,
)
from titleholder.analysis.watching.undoing import kept_because
from titleholder.config.duel import Duel
from titleholder.config.watch import Watch
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.events.assets import decay_update
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.console import pipeline_page
from titleholder.labels import Label
from titleholder.metrics.samples import watch_samples
from titleholder.operators.announce import asset_alias
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import Observed, Watched
from titleholder.operators.rollout import change_context, make_reconciler, run_name
from titleholder.reconciler.engine import Reconciler
from titleholder.rollout.view import View


class WatchChampionOperator(ModelOperator):
    """Records every look as an event, and, unless in a backfill, decay, recovery and data drift
    once each. Returns results.Watched.

    Skips when the challenger was promoted since the measurement, and fails when the endpoint has
    yet another champion.
    """

    def __init__(self, *, duel: Duel, watch: Watch, **kwargs: Any) -> None:
        alias = asset_alias(kwargs["config"].model)
        super().__init__(inlets=[alias], outlets=[alias], **kwargs)
        self.duel, self.watch = duel, watch

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Look once; a repetition with the same job is the same look."""
        observed = self.read_result(context, "observe", Observed.from_xcom)
        champion, pair = observed.watched, observed.pair
        assert champion is not None, "watch_champion follows the measurement of one"
        measured = self.read_result(context, "wait_for_watch", _measured)
        now, backfill = self.clock(), is_backfill(context)
        with self.fail_with_message():
            reconciler = make_reconciler(self, change_context(context))
            view = reconciler.read_view(
                "watch", lambda seen: champion_to_watch(seen, champion, pair)
            )
            if view is None:
                self.skip_with_message(
                    "the challenger was promoted, and the next run watches it as champion"
                )
            events = self._events(view, champion, now)
            look = look_at(self.duel, self.watch, champion, events, measured)
            decision = self._retraining(context, view, champion, events, look, now)
            look.record["retraining"] = {
                "reason": decision.reason,
                "training": decision.training.to_json() if decision.training else None,
            }
            returns = self._returns(context, champion, events, look)
            self._record(reconciler, Action.WATCHED, view, look.reason, look.record)
            # Those of a backfill are left to the next run: its alerts are not sent, and each has
            # one event, and so one alert.
            for one in occurrences(champion, look, measured.job, events) if not backfill else ():
                self._record(
                    reconciler, one.action, view, one.reason, one.evidence, once=one.identity
                )
        self._report(context, look, decision)
        found = [*events, *reconciler.recorded]
        self._send_alerts(context, found, decision, measured)
        self._update_assets(context, found, look)
        comparison = look.comparison
        return Watched(
            phase=look.state.phase,
            reason=look.reason,
            training=decision.training,
            champion=champion.model.id,
            previous=returns,
            looked=now.isoformat(),
            evidence={
                "job": measured.job,
                "reason": comparison.reason if comparison is not None else look.reason,
            },
        ).to_xcom()

    def _events(self, view: View, champion: WatchedChampion, now: datetime) -> list[Event]:
        """The events of this endpoint since the champion's training data, and since an early
        training that may still count."""
        cooldown = cooldown_of(self.watch, self.config.schedule.cron, now)
        since = history_since(champion.model.data_interval_end, now, cooldown)
        table = EventsTable(self.environment, self.config.events_table)
        found = table.read(self.config.model, since=since, endpoint=view.endpoint)
        return events_of_endpoint(found, view.endpoint, view.created)

    def _retraining(
        self,
        context: Mapping[str, Any],
        view: View,
        champion: WatchedChampion,
        events: Sequence[Event],
        look: ChampionLook,
        now: datetime,
    ) -> Retraining:
        challenger = view.deployed_model(view.labels.get(Label.CHALLENGER))
        trained = [found.until for one in view.versions if (found := view.recency(one))]
        return retraining(
            self.watch,
            occasions_of(champion, look),
            events,
            Circumstances(
                days=look.days,
                trained_until=max(trained, default=None),
                challenger=challenger.model if challenger is not None else "",
                cron=self.config.schedule.cron,
                is_backfill=is_backfill(context),
                now=now,
            ),
        )

    def _returns(
        self,
        context: Mapping[str, Any],
        champion: WatchedChampion,
        events: Sequence[Event],
        look: ChampionLook,
    ) -> str:
        """The deployed model id of the previous champion if it is to return, else ""; the reason
        why a better one does not is added to the look's record."""
        comparison, previous, decay = look.comparison, champion.previous, look.state.decay
        if comparison is None or not comparison.better or previous is None or decay is None:
            return ""
        kept = kept_because(events, champion.ids, decay.alarm, is_backfill(context))
        if kept:
            self.log.warning("the previous champion does not return: %s", kept)
            look.record.setdefault("comparison", {})["kept"] = kept
            return ""
        return previous.id

    def _record(
        self,
        reconciler: Reconciler,
        action: Action,
        view: View,
        reason: str,
        evidence: Mapping[str, Any],
        once: str = "",
    ) -> None:
        if not reconciler.record(action, view, reason, str(evidence["job"]), evidence, once=once):
            # The next look would not know the days of this one.
            raise RetryableError(
                f"{reason}, but that could not be recorded in {self.config.events_table}"
            )

    def _report(self, context: Mapping[str, Any], look: ChampionLook, decision: Retraining) -> None:
        for one in look.skipped:
            self.log.info("%s is not counted: %s", one.day, one.reason)
        above = {column.column: column for column in look.drifted}
        for column in look.drift:
            log = self.log.warning if column.column in above else self.log.info
            log("data drift: %s", sentence(above.get(column.column, column)))
        if look.comparison is not None:
            self.log.info("%s", look.comparison.reason)
        if decision.reason:
            self.log.info("%s", decision.reason)
        (self.log.warning if look.state.decay else self.log.info)("%s", look.reason)
        self.emit_metrics(lambda: watch_samples(self.config.model, look), context)

    def _send_alerts(
        self,
        context: Mapping[str, Any],
        events: Sequence[Event],
        decision: Retraining,
        measured: Measured,
    ) -> None:
        """For the events of this run, also those of an attempt that failed before its alerts."""
        pages = (Link("Measurement", pipeline_page(measured.job)),)
        own = {event.id: event for event in events if event.run == run_name(context)}
        for event in own.values():
            if event.action in ALERTED_ACTIONS:
                self.send_alert_once(
                    context,
                    event.id,
                    lambda event=event: alert_for_watch_event(  # type: ignore[misc]
                        event, decision, self.watch, pages
                    ),
                )

    def _update_assets(
        self,
        context: Mapping[str, Any],
        events: Sequence[Event],
        look: ChampionLook,
    ) -> None:
        """Update the asset `<model>/decay` for the present decay, unless Airflow has that update:
        one that an attempt made which failed afterwards was not registered."""
        if look.state.decay is None:
            return
        found = [
            event
            for event in events
            if event.action == Action.DECAYED
            and event.evidence.get("version") == look.record["version"]
        ]
        if not found:
            return
        update = decay_update(found[-1])
        alias = asset_alias(self.config.model)
        try:
            there = context["inlet_events"][alias].ascending(False).limit(100)
            if any(one.extra.get("event") == update.extra["event"] for one in there):
                return
            self.log.info("updating the asset %s", update.asset)
            context["outlet_events"][alias].add(Asset(update.asset), extra=update.extra)
        except Exception as error:
            self.log.warning("the asset %s may miss an update: %s", update.asset, error)


def champion_to_watch(view: View, champion: WatchedChampion, pair: ModelPair | None) -> View | None:
    """The view; None if the challenger of the pair is its champion by now, as a promotion by the
    same run does not wait for this look. Raises ManualActionRequired for any other champion."""
    present = watched_champion(view)
    if present is not None and present.model == champion.model:
        return view
    if present is not None and pair is not None and present.model.id == pair.challenger.id:
        return None
    found = present.model if present is not None else "no champion"
    raise ManualActionRequired(
        f"the measurement is of the champion {champion.model}, and there is {found} on "
        f"{view.endpoint} now; the next run measures again"
    )


def _measured(value: Mapping[str, Any]) -> Measured:
    return Measured(
        job=value["job"],
        at=datetime.fromisoformat(value["measured"]),
        evidence=value["evidence"],
        data_drift=value.get("data_drift"),
        compared=bool(value.get("compared")),
    )
