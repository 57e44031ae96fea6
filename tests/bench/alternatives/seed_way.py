"""The original's way, for comparison: rows as JSON over REST into pandas, CSV, and a network
trained on unscaled numbers. Each function imports inside, as a component does."""


def export(project: str, table: str, start: str, end: str, path: str) -> int:
    """The rows of the window as CSV; their number."""
    import os

    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(
        project,
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=os.environ["BIGQUERY_EMULATOR_HOST"]),
    )
    query = f"""
        SELECT * EXCEPT (measured_at) FROM `{table.removeprefix("bq://")}`
        WHERE measured_at >= TIMESTAMP '{start}' AND measured_at < TIMESTAMP '{end}'
    """
    frame = client.query(query).result().to_dataframe(create_bqstorage_client=False)
    frame.to_csv(path, index=False)
    return len(frame)


def train(path: str, features: list[str], targets: list[str], jobs: int | None) -> float:
    """R2 of the best network on the rows held out, a fifth."""
    import warnings

    import pyarrow.parquet as pq
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.neural_network import MLPRegressor

    rows = pq.read_table(path).sort_by("id").to_pandas()
    seen, unseen, seen_targets, unseen_targets = train_test_split(
        rows[features].to_numpy(), rows[targets].to_numpy(), test_size=0.2, random_state=0
    )
    grid = {"activation": ["tanh", "relu"], "alpha": [0.0001, 0.05]}
    search = GridSearchCV(MLPRegressor(max_iter=10_000, random_state=0), grid, cv=4, n_jobs=jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(seen, seen_targets)
    return float(r2_score(unseen_targets, search.predict(unseen)))
