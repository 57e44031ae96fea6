"""The keys of all labels that Titleholder writes, by what it writes them on.

A model's own labels stand beside them, so none of them may have one of these keys.
"""

# On endpoint and jobs: the model.
MODEL = "titleholder-model"

# On the endpoint: the deployed model id of each role, and of the write that recorded them.
ROLES = ("champion", "challenger", "previous", "withdrawn")
SHARE, CHANGE, NEWEST = "challenger-share", "change", "newest-data"
ON_ENDPOINTS = frozenset({MODEL, *ROLES, SHARE, CHANGE, NEWEST})

# On a pipeline job: the dag run, and the version of the compiled pipeline that it runs.
RUN, PIPELINE = "titleholder-run", "titleholder-pipeline"
# On jobs and versions: what the training learns from.
FINGERPRINT = "fingerprint"
ON_JOBS = frozenset({MODEL, RUN, PIPELINE, FINGERPRINT})

# On a registered version: the interval of its data, and the digest of its file.
DATA_FROM, DATA_UNTIL, DIGEST = "data-interval-start", "data-interval-end", "sha256"
JOB, SCORE, FRAMEWORK, FRESHNESS = "pipeline-job", "score", "framework-version", "freshness"
ON_VERSIONS = frozenset(
    {DATA_FROM, DATA_UNTIL, DIGEST, JOB, SCORE, FRAMEWORK, FRESHNESS, FINGERPRINT}
)

RESERVED = ON_ENDPOINTS | ON_JOBS | ON_VERSIONS
