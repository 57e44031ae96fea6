"""The state of a champion as JSON, for events. No I/O."""

from dataclasses import asdict
from datetime import date
from typing import Any

from titleholder.analysis.decay.decay_state import Decay, WatchState


def decay_to_json(decay: Decay) -> dict[str, Any]:
    """The fields by name, days as `YYYY-MM-DD`."""
    return _json(asdict(decay))


def state_to_json(state: WatchState) -> dict[str, Any]:
    """Phase, finding and episodes, and the first and last day of the reference."""
    reference = state.reference
    return {
        "phase": state.phase,
        "reference_days": len(reference),
        "reference_from": reference[0].day.isoformat() if reference else None,
        "reference_until": reference[-1].day.isoformat() if reference else None,
        "finding": _json(asdict(state.finding)) if state.finding is not None else None,
        "episodes": [decay_to_json(one) for one in state.episodes],
    }


def _json(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in fields.items()
    }
