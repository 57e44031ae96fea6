"""The datasets of a task and their OpenLineage names. No I/O, and nothing of OpenLineage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Facets by their key in the standard; each has the fields of the standard's JSON schema.
Facets = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Dataset:
    """A dataset in OpenLineage's sense. `facets` describe it in general, `input_facets` what a task
    has read of it."""

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    input_facets: Facets = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """The datasets that a task read and wrote, and facets of its run."""

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    run_facets: Facets = field(default_factory=dict)


def table(name: str, facets: Facets | None = None, input_facets: Facets | None = None) -> Dataset:
    """The BigQuery table `project.dataset.table`
    (https://openlineage.io/docs/spec/naming#bigquery)."""
    return Dataset("bigquery", name, facets or {}, input_facets or {})


def folder(uri: str) -> Dataset:
    """The folder `gs://bucket/path` with the files of a model
    (https://openlineage.io/docs/spec/naming#google-cloud-storage)."""
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    return Dataset(f"gs://{bucket}", path.rstrip("/"), {"datasetType": {"datasetType": "MODEL"}})


def model_version(
    project: str, location: str, version: str, input_facets: Facets | None = None
) -> Dataset:
    """The registered version `linnerud@3`. OpenLineage has no name for it: namespace and name
    together are its fully qualified name in Knowledge Catalog
    (https://cloud.google.com/dataplex/docs/fully-qualified-names)."""
    model, _, number = version.partition("@")
    facets = {"datasetType": {"datasetType": "MODEL"}, "version": {"datasetVersion": number}}
    name = ".".join(_segment(part) for part in (project, location, model, number))
    return Dataset("vertex_ai", f"model:{name}", facets, input_facets or {})


def endpoint(
    project: str, location: str, resource_name: str, fed_by: tuple[Dataset, ...] = ()
) -> Dataset:
    """The endpoint of that resource name; `fed_by` are the versions that it serves. Knowledge
    Catalog has no name for endpoints, and a namespace `custom` for what it has no name for
    (https://cloud.google.com/dataplex/docs/openlineage-mapping)."""
    facets: dict[str, Mapping[str, Any]] = {"datasetType": {"datasetType": "ENDPOINT"}}
    if fed_by:
        inputs = [
            {"namespace": one.namespace, "name": one.name, "type": "DATASET"} for one in fed_by
        ]
        facets["lineage"] = {"inputs": inputs}
    name = ".".join(
        _segment(part) for part in (project, location, resource_name.rpartition("/")[2])
    )
    return Dataset("custom", f"vertex_ai_endpoint:{name}", facets)


def _segment(text: str) -> str:
    """A part of a fully qualified name: one with a dot, a colon or white space is in backticks."""
    return f"`{text.replace('`', '``')}`" if re.search(r"[.:`\s]", text) else text
