"""The smallest pipeline that fulfils the contract of a duel; its evidence is chosen by the only
feature column, which is the name of a case: better, worse, equal, silent or slow, or `returns` or
`stays` with a day, from which on the champion is worse than before."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def compare(
    cases: list,
    target: str,
    loss: str,
    champion_sha256: str,
    challenger_sha256: str,
    challenger_data_interval_end: str,
    labels_until: str,
    report: dsl.Output[dsl.HTML],
):
    import pathlib
    import random
    import time
    from datetime import datetime, timedelta

    (case,) = cases
    time.sleep(600 if case == "slow" else 0)
    mean = {"better": 0.5, "worse": -0.5}.get(case, 0.0)
    if case == "silent":  # a challenger whose predictions are NaN on a few rows
        mean = 0.5
    silent = 40 if case == "silent" else 0
    days = [{"day": labels_until[:10], "n": 1000, "mean": mean, "variance": 1.0}]
    scenario, _, text = case.partition("_")
    if scenario in ("returns", "stays"):
        # The champion's loss has a break, and the other model is better in the first case only.
        start, end = (
            datetime.fromisoformat(one).date()
            for one in (challenger_data_interval_end, labels_until)
        )
        broken = datetime.strptime(text, "%Y%m%d").date()
        days = []
        for number in range((end - start).days + 1):
            day = start + timedelta(days=number)
            champion = 2.0 + 0.1 * random.Random(day.toordinal()).gauss(0, 1)
            champion += 0.8 if day >= broken else 0.0
            difference = 0.7 if scenario == "returns" and day >= broken else -0.1
            days.append(
                {
                    "day": day.isoformat(),
                    "n": 400,
                    "mean": difference,
                    "variance": 1.0,
                    "champion_loss": champion,
                    "challenger_loss": champion - difference,
                    "champion_variance": 1.0,
                    "challenger_variance": 1.0,
                    "rows": 400,
                    "rows_labelled": 400,
                }
            )
    pathlib.Path(report.path).write_text("<p>tiny</p>")
    report.metadata["evidence"] = {
        "loss": loss,
        "primary_target": target,
        "n": 1000,
        "mean": mean,
        "variance": 1.0,
        "skewness": 0.0,
        "smallest": mean - 3,
        "largest": mean + 3,
        "coverage": 1.0,
        "champion_rows": 1000 + silent,
        "challenger_rows": 1000,
        "rows": 1000 + silent,
        "rows_compared": 1000,
        "rows_labelled": 1000 + silent,
        "rows_skipped": 0,
        "champion_invalid_predictions": 0,
        "challenger_invalid_predictions": silent,
        "last_row": labels_until,
        "days": days,
        "window_start": challenger_data_interval_end,
        "window_end": labels_until,
        "champion": {"sha256": champion_sha256},
        "challenger": {"sha256": challenger_sha256},
        "challenger_data_interval_end": challenger_data_interval_end,
    }


@dsl.pipeline(name="tiny-duel")
def tiny_duel(
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
    champion_data_interval_end: str,
    challenger_uri: str,
    challenger_sha256: str,
    challenger_data_interval_end: str,
    labels_until: str,
    artifact_root: str,
):
    compare(
        cases=feature_columns,
        target=primary_target,
        loss=loss,
        champion_sha256=champion_sha256,
        challenger_sha256=challenger_sha256,
        challenger_data_interval_end=challenger_data_interval_end,
        labels_until=labels_until,
    )
