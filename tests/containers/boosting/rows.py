"""Deliveries of the last weeks."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa


def deliveries(end: datetime, weeks: int, faster_since: datetime) -> pa.Table:
    """A delivery every quarter of an hour, for `weeks` weeks up to `end`. Before `faster_since`
    each takes twice as long, so that a model that was trained on those is worse later."""
    random = np.random.default_rng(0)
    count = weeks * 7 * 96
    at = [end - timedelta(minutes=15) * (count - number) for number in range(count)]
    distance, weight = random.gamma(2, 3, count), random.gamma(2, 2, count)
    hour = np.array([time.hour + time.minute / 60 for time in at])
    minutes = 5 + 2 * distance * (1.5 + np.cos((hour - 17) * np.pi / 12)) + weight
    minutes *= random.lognormal(0, 0.05, count)
    slow = np.array([time < faster_since for time in at])
    return pa.table(
        {
            "id": np.arange(count),
            "delivered_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "distance_km": distance,
            "weight_kg": weight,
            "hour": hour,
            "minutes": np.where(slow, 2 * minutes, minutes),
        }
    )
