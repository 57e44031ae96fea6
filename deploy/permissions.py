"""The called methods of Google's clients, the IAM permissions that they need, and custom roles that
grant these. `python -m deploy.permissions` writes deploy/roles and the tables of
docs/how-to/composer.md.

The permissions are those of https://cloud.google.com/vertex-ai/docs/general/iam-permissions,
https://cloud.google.com/bigquery/docs/access-control,
https://cloud.google.com/storage/docs/access-control/iam-json,
https://cloud.google.com/composer/docs/how-to/access-control,
https://cloud.google.com/build/docs/iam-roles-permissions and
https://cloud.google.com/artifact-registry/docs/access-control.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROLES_FOLDER = Path(__file__).parent / "roles"
PAGE = Path(__file__).parents[1] / "docs/how-to/composer.md"
BEGIN, END = "<!-- written by python -m deploy.permissions -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Role:
    """A custom role: the account that gets it, the resource, and Google's roles that include it."""

    account: str
    resource: str
    predefined: str


ROLES = {
    "worker": Role(
        "worker", "the project", "`roles/aiplatform.user` and `roles/bigquery.jobUser`"
    ),
    "source": Role("worker and pipeline", "the source table", "`roles/bigquery.dataViewer`"),
    "events": Role("worker", "the events dataset", "`roles/bigquery.dataEditor`"),
    "act_as": Role(
        "worker and deployer",
        "the accounts of the pipeline and, where a model names one, of the endpoint (worker); the "
        "account that builds images (deployer)",
        "`roles/iam.serviceAccountUser`",
    ),
    "objects": Role(
        "worker",
        "the bucket of a `gs://` template, if any; the pipelines' bucket, for a model with "
        "`invokeRoutePrefix`",
        "`roles/storage.objectViewer`",
    ),
    "pipeline": Role("pipeline", "the project", "`roles/bigquery.readSessionUser`"),
    "artifacts": Role("pipeline", "the pipelines' bucket", "`roles/storage.objectUser`"),
    "deployer": Role("deployer", "the project", "`roles/composer.admin`"),
    "environment_bucket": Role(
        "deployer", "the environment's bucket", "`roles/storage.objectUser`"
    ),
    "images": Role("deployer", "the images' repository", "`roles/artifactregistry.reader`"),
    "image_build": Role(
        "deployer",
        "the project",
        "`roles/cloudbuild.builds.editor`, `roles/artifactregistry.admin` and "
        "`roles/storage.admin`",
    ),
    "build_context": Role(
        "deployer", "the builds' bucket", "`roles/storage.objectUser`"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A method of a client that the code in `folder` calls; without a client, an action of Google.

    `needs` are permissions by role, empty if the account that created the resource needs no other.
    """

    folder: str
    client: str
    method: str
    needs: dict[str, tuple[str, ...]]


_ENDPOINT, _MODEL, _JOB = "EndpointServiceClient", "ModelServiceClient", "PipelineServiceClient"
_BIGQUERY, _READ, _COMPOSER = "bigquery.Client", "BigQueryReadClient", "EnvironmentsClient"
_REGISTRY, _BUILD = "ArtifactRegistryClient", "CloudBuildClient"
_RUN = {"worker": ("bigquery.jobs.create",)}
_ACT_AS = {"act_as": ("iam.serviceAccounts.actAs",)}
_CREATE_BUILD: dict[str, tuple[str, ...]] = {"image_build": ("cloudbuild.builds.create",)}
_ROWS = ("bigquery.tables.get", "bigquery.tables.getData")


def _vertex(*permissions: str) -> dict[str, tuple[str, ...]]:
    return {"worker": tuple(f"aiplatform.{permission}" for permission in permissions)}


CALLS = (
    Call("plugins", _ENDPOINT, "list_endpoints", _vertex("endpoints.list")),
    Call("plugins", _ENDPOINT, "get_endpoint", _vertex("endpoints.get")),
    Call("plugins", _ENDPOINT, "create_endpoint", _vertex("endpoints.create")),
    Call("plugins", _ENDPOINT, "update_endpoint", _vertex("endpoints.update")),
    Call(
        "plugins", _ENDPOINT, "deploy_model", _vertex("endpoints.deploy", "models.get") | _ACT_AS
    ),
    Call("plugins", _ENDPOINT, "undeploy_model", _vertex("endpoints.undeploy")),
    # Google's page does not list it; the role has both of those that come into question.
    Call(
        "plugins",
        _ENDPOINT,
        "mutate_deployed_model",
        _vertex("endpoints.deploy", "endpoints.update"),
    ),
    Call("plugins", _ENDPOINT, "list_operations", _vertex("operations.list")),
    # Permission to read the resource includes its operations.
    Call("plugins", _ENDPOINT, "get_operation", _vertex("endpoints.get", "models.get")),
    Call("plugins", _MODEL, "list_model_versions", _vertex("models.list")),
    Call("plugins", _MODEL, "upload_model", _vertex("models.upload")),
    Call("plugins", _MODEL, "merge_version_aliases", _vertex("models.update")),
    Call("plugins", _MODEL, "list_operations", _vertex("operations.list")),
    Call("plugins", _MODEL, "get_operation", _vertex("endpoints.get", "models.get")),
    Call("plugins", _JOB, "create_pipeline_job", _vertex("pipelineJobs.create") | _ACT_AS),
    Call("plugins", _JOB, "get_pipeline_job", _vertex("pipelineJobs.get")),
    Call("plugins", _JOB, "list_pipeline_jobs", _vertex("pipelineJobs.list")),
    Call("plugins", _JOB, "cancel_pipeline_job", _vertex("pipelineJobs.cancel")),
    Call(
        "plugins",
        _BIGQUERY,
        "get_table",
        {"source": ("bigquery.tables.get",), "events": ("bigquery.tables.get",)},
    ),
    Call(
        "plugins",
        _BIGQUERY,
        "query",
        _RUN
        | {
            "source": _ROWS,
            # MERGE, and ALTER TABLE for a column that is missing in an older table.
            "events": (*_ROWS, "bigquery.tables.update", "bigquery.tables.updateData"),
        },
    ),
    Call("plugins", _BIGQUERY, "query_and_wait", _RUN | {"events": _ROWS}),
    Call("plugins", _BIGQUERY, "get_job", {}),
    Call("plugins", "bigquery.QueryJob", "result", {}),
    Call("plugins", "bigquery.QueryJob", "done", {}),
    # The account that created a job may cancel it.
    Call("plugins", "bigquery.QueryJob", "cancel", {}),
    Call("plugins", _BIGQUERY, "get_dataset", {"events": ("bigquery.datasets.get",)}),
    # Only while the dataset does not exist; docs/how-to/composer.md creates it beforehand.
    Call("plugins", _BIGQUERY, "create_dataset", {}),
    Call("plugins", _BIGQUERY, "create_table", {"events": ("bigquery.tables.create",)}),
    Call("plugins", "storage.Blob", "download_as_bytes", {"objects": ("storage.objects.get",)}),
    # Over HTTP: Google's client has no method for it.
    Call("Vertex AI", "", "`deployedModels/*/invoke`", _vertex("endpoints.predict")),
    Call(
        "pipeline",
        _READ,
        "create_read_session",
        {"pipeline": ("bigquery.readsessions.create",), "source": _ROWS},
    ),
    Call("pipeline", _READ, "read_rows", {"pipeline": ("bigquery.readsessions.getData",)}),
    # The model server's package, by which the duel's steps load an artifact.
    Call("images", "storage.Client", "list_blobs", {"artifacts": ("storage.objects.list",)}),
    Call(
        "images", "storage.Blob", "download_to_file", {"artifacts": ("storage.objects.get",)}
    ),
    # Google's launcher of each step reads its inputs and writes its outputs.
    Call(
        "Vertex AI",
        "",
        "the launcher of each step",
        {
            "artifacts": tuple(
                f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")
            )
        },
    ),
    Call("deploy", _COMPOSER, "get_environment", {"deployer": ("composer.environments.get",)}),
    Call(
        "deploy",
        _COMPOSER,
        "execute_airflow_command",
        {"deployer": ("composer.environments.executeAirflowCommand",)},
    ),
    Call(
        "deploy",
        _COMPOSER,
        "poll_airflow_command",
        {"deployer": ("composer.environments.executeAirflowCommand",)},
    ),
    Call("deploy", _REGISTRY, "get_tag", {"images": ("artifactregistry.tags.get",)}),
    Call("deploy", _REGISTRY, "get_version", {"images": ("artifactregistry.versions.get",)}),
    Call(
        "deploy",
        _REGISTRY,
        "get_repository",
        {"image_build": ("artifactregistry.repositories.get",)},
    ),
    Call(
        "deploy",
        _REGISTRY,
        "create_repository",
        {"image_build": ("artifactregistry.repositories.create",)},
    ),
    Call("deploy", _BUILD, "create_build", _CREATE_BUILD | _ACT_AS),
    Call("deploy", _BUILD, "get_build", {"image_build": ("cloudbuild.builds.get",)}),
    Call("deploy", "storage.Client", "list_buckets", {"image_build": ("storage.buckets.list",)}),
    Call("deploy", "storage.Bucket", "create", {"image_build": ("storage.buckets.create",)}),
    Call(
        "deploy", "storage.Client", "list_blobs", {"environment_bucket": ("storage.objects.list",)}
    ),
    Call(
        "deploy",
        "storage.Blob",
        "upload_from_string",
        # Overwriting an object needs the permission to delete it.
        {
            "environment_bucket": ("storage.objects.create", "storage.objects.delete"),
            "build_context": ("storage.objects.create",),
        },
    ),
    Call(
        "deploy",
        "storage.Blob",
        "delete",
        {
            "environment_bucket": ("storage.objects.delete",),
            "build_context": ("storage.objects.delete",),
        },
    ),
)  # fmt: skip


def permissions(role: str) -> list[str]:
    """The permissions of a role, sorted."""
    return sorted({permission for call in CALLS for permission in call.needs.get(role, ())})


def role_file(name: str) -> str:
    """The role as a file for `gcloud iam roles create --file`."""
    role = ROLES[name]
    lines = "".join(f"- {permission}\n" for permission in permissions(name))
    return (
        f"# By `python -m deploy.permissions`. For the {role.account}, on {role.resource}.\n"
        f"title: Titleholder {name.replace('_', ' ')}\n"
        "stage: GA\n"
        f"includedPermissions:\n{lines}"
    )


def tables() -> str:
    """The two tables of docs/how-to/composer.md."""
    return "\n".join([*_roles(), "", *_calls(), ""])


def _roles() -> Iterator[str]:
    yield "| account | resource | custom role | its permissions | or Google's, which grants more |"
    yield "| --- | --- | --- | --- | --- |"
    for name, role in ROLES.items():
        listed = " ".join(f"`{permission}`" for permission in permissions(name))
        yield f"| {role.account} | {role.resource} | `{name}.yaml` | {listed} | {role.predefined} |"


def _calls() -> Iterator[str]:
    yield "| code in | call | permissions |"
    yield "| --- | --- | --- |"
    for call in CALLS:
        names = sorted({permission for needed in call.needs.values() for permission in needed})
        listed = " ".join(f"`{name}`" for name in names) or "none, see below"
        method = f"`{call.client}.{call.method}`" if call.client else call.method
        yield f"| {call.folder} | {method} | {listed} |"


def main() -> int:
    """Write the roles and the page's tables."""
    ROLES_FOLDER.mkdir(exist_ok=True)
    for name in ROLES:
        (ROLES_FOLDER / f"{name}.yaml").write_text(role_file(name))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
