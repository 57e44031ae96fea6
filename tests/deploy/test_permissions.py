"""The tables of docs/how-to/composer.md and the roles match the calls in the code."""

import ast
import inspect
from typing import Any

import pytest
import yaml
from google.cloud import aiplatform_v1 as v1
from google.cloud import artifactregistry_v1, bigquery, bigquery_storage, storage
from google.cloud.devtools import cloudbuild_v1
from google.cloud.orchestration.airflow import service_v1

from deploy.permissions import BEGIN, CALLS, END, PAGE, ROLES, ROLES_FOLDER, permissions, tables
from tests.conftest import REPOSITORY

# By their name in the table.
CLIENTS: dict[str, Any] = {
    "EndpointServiceClient": v1.EndpointServiceClient,
    "ModelServiceClient": v1.ModelServiceClient,
    "PipelineServiceClient": v1.PipelineServiceClient,
    "bigquery.Client": bigquery.Client,
    "bigquery.QueryJob": bigquery.QueryJob,
    "BigQueryReadClient": bigquery_storage.BigQueryReadClient,
    "storage.Client": storage.Client,
    "storage.Bucket": storage.Bucket,
    "storage.Blob": storage.Blob,
    "EnvironmentsClient": service_v1.EnvironmentsClient,
    "ArtifactRegistryClient": artifactregistry_v1.ArtifactRegistryClient,
    "CloudBuildClient": cloudbuild_v1.CloudBuildClient,
}
# Their packages in google.cloud.
SERVICES = {
    "aiplatform_v1",
    "artifactregistry_v1",
    "bigquery",
    "bigquery_storage",
    "bigquery_storage_v1",
    "devtools",
    "storage",
    "orchestration",
}
# Attributes that share their name with a method of those clients, by file.
OTHERS = {
    ("candidate.py", "create"),  # config.endpoint.create
    *((name, "create") for name in ("validate.py", "plan.py")),
    ("release.py", "exists"),  # of a path
    ("compile.py", "exists"),
    ("__main__.py", "exists"),  # of a build context's bucket
    ("context.py", "open"),  # of an archive
    ("create_dataset.py", "update"),  # of a dictionary
    ("export_model.py", "update"),
    ("train.py", "update"),
    ("watch.py", "update"),  # of a terminal
    *((name, "cancel") for name in ("shared_jobs.py", "wait_for_job.py")),
    *((name, "running") for name in ("shared_jobs.py", "submit_job.py")),
    ("notifier.py", "exception"),  # of a logger
    ("collect.py", "exception"),  # of a future
    *(("collect.py", name) for name in ("done", "result")),
    ("shared_jobs.py", "exception"),
    ("webhook.py", "close"),  # of an answer
    ("wait_for_job.py", "result"),  # its own
    ("read_rows.py", "update"),  # of a dictionary
    ("reference.py", "update"),  # of a digest
    ("reference.py", "exists"),  # of a path
    ("artifact.py", "open"),
}
# Methods that create an object without a call to Google.
LOCAL = {"bucket", "blob", "from_uri", "add_lifecycle_delete_rule"}


def scanned(folder: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The services of google.cloud that the folder's code imports, and the attributes by file."""
    services, found = set(), set()
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.add((path.name, node.attr))
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("google.cloud"):
                parts = str(node.module).split(".")[2:]
                services |= {parts[0]} if parts else {alias.name for alias in node.names}
    return services, found


def methods(client: Any) -> set[str]:
    return {
        name
        for name, member in inspect.getmembers(client)
        if callable(member) and not name.startswith("_")
    } - LOCAL


@pytest.mark.parametrize("folder", ["plugins", "pipeline", "images", "deploy"])
def test_every_call_in_the_code_is_listed(folder: str) -> None:
    services, found = scanned(folder)
    assert services <= SERVICES, "a service whose methods are not listed"
    known = set().union(*map(methods, CLIENTS.values()))
    called = {(file, name) for file, name in found - OTHERS if name in known}
    listed = {call.method for call in CALLS if call.folder == folder}
    assert {name for _, name in called} == listed, sorted(called)


def test_every_listed_method_exists() -> None:
    for call in CALLS:
        if call.client:
            assert call.method in methods(CLIENTS[call.client])


def test_the_page_and_the_roles_are_up_to_date() -> None:
    page = PAGE.read_text()
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == tables().strip(), (
        "run python -m deploy.permissions"
    )
    files = {path.stem: yaml.safe_load(path.read_text()) for path in ROLES_FOLDER.glob("*.yaml")}
    assert files.keys() == ROLES.keys()
    for name, role in files.items():
        assert role["includedPermissions"] == permissions(name)
        assert role["includedPermissions"]
    named = {role for call in CALLS for role in call.needs}
    assert named == ROLES.keys()
