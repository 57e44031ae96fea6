"""The smallest pipeline that fulfils the contract of a watch job. Its evidence is computed from the
only feature column, which names a scenario and a day, such as `break_20261010`:

- steady: nothing happens
- break, and returns and stays of the tiny duel: the loss is 40 % greater from that day on
- slow: it grows by 1 % a day from that day on
- weekly: it is 40 % greater at each weekend
- late: the two newest days have hardly any labels yet
- unlabelled: from that day on there are no labels
- shrunk: from that day on the source has a few rows only
- twice: each row from that day on is there twice
- constant: every day has the same loss
- drifted: a column drifts
"""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def measure(
    cases: list,
    target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    champion_data_interval_end: str,
    window_start: str,
    labels_until: str,
    report: dsl.Output[dsl.Artifact],
):
    import random
    from datetime import date, datetime, timedelta

    scenario, _, text = cases[0].partition("_")
    event = datetime.strptime(text, "%Y%m%d").date() if text else date.max
    start = max(datetime.fromisoformat(one) for one in (window_start, champion_data_interval_end))
    end = datetime.fromisoformat(labels_until)
    days, day = [], start.date()
    while day <= end.date():
        rows, labelled = 400, 400
        mean = 2.0 + 0.1 * random.Random(day.toordinal()).gauss(0, 1)
        if scenario in ("break", "returns", "stays") and day >= event:
            mean += 0.8
        if scenario == "slow" and day >= event:
            mean += 0.02 * (day - event).days
        if scenario == "weekly" and day.weekday() >= 5:
            mean += 0.8
        if scenario == "late" and day > end.date() - timedelta(days=3):
            labelled = 10
        if scenario == "unlabelled" and day >= event:
            labelled = 0
        if scenario == "shrunk" and day >= event:
            rows = labelled = 20
        if scenario == "twice" and day >= event:
            rows = labelled = 800
        if scenario == "constant":
            mean = 2.0
        days.append(
            {
                "day": day.isoformat(),
                "n": labelled,
                "loss": mean if labelled else None,
                "variance": 1.0 if labelled else None,
                "rows": rows,
                "rows_labelled": labelled,
            }
        )
        day += timedelta(days=1)
    report.metadata["evidence"] = {
        "loss": loss,
        "primary_target": target,
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "days": days,
        "champion": {"uri": champion_uri, "sha256": champion_sha256},
    }


@dsl.pipeline(name="tiny-watch")
def tiny_watch(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    feature_columns: list,
    target_columns: list,
    primary_target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    champion_data_interval_start: str,
    champion_data_interval_end: str,
    window_start: str,
    labels_until: str,
    artifact_root: str,
    drift_columns: list,
    drift_until: str,
    request_log: str,
    endpoint: str,
    deployed_model_id: str,
    reference_start: str,
    drift_rows: int = 100,
):
    measure(
        cases=feature_columns,
        target=primary_target,
        loss=loss,
        champion_uri=champion_uri,
        champion_sha256=champion_sha256,
        champion_data_interval_end=champion_data_interval_end,
        window_start=window_start,
        labels_until=labels_until,
    )
