"""Lineage as objects of Airflow's OpenLineage provider, whose listener alone calls this.

Nothing of the provider is imported elsewhere. Cloud Composer has it
(https://cloud.google.com/composer/docs/composer-3/lineage-integration).
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from titleholder.lineage.dataset import Dataset, Facets, Lineage

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

# Module and class of openlineage.client.facet_v2 by the facet's key.
CLASSES = {
    "dataQualityAssertions": (
        "data_quality_assertions_dataset",
        "DataQualityAssertionsDatasetFacet",
    ),
    "dataQualityMetrics": (
        "data_quality_metrics_input_dataset",
        "DataQualityMetricsInputDatasetFacet",
    ),
    "datasetType": ("dataset_type_dataset", "DatasetTypeDatasetFacet"),
    "lineage": ("lineage", "LineageDatasetFacet"),
    "schema": ("schema_dataset", "SchemaDatasetFacet"),
    "subset": ("base_subset_dataset", "InputSubsetInputDatasetFacet"),
    "test": ("test_run", "TestRunFacet"),
    "version": ("dataset_version_dataset", "DatasetVersionDatasetFacet"),
}


def to_operator_lineage(lineage: Lineage) -> "OperatorLineage[Any, Any]":
    """The result of an operator's `get_openlineage_facets_on_...`. A facet that the installed
    client does not have yet, or not with all of its fields, is left out."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    def dataset(kind: Any, one: Dataset, **more: Any) -> Any:
        return kind(namespace=one.namespace, name=one.name, facets=_facets(one.facets), **more)

    return OperatorLineage(
        inputs=[
            dataset(InputDataset, one, inputFacets=_facets(one.input_facets))
            for one in lineage.inputs
        ],
        outputs=[dataset(OutputDataset, one) for one in lineage.outputs],
        run_facets=_facets(lineage.run_facets),
    )


def _facets(facets: Facets) -> dict[str, Any]:
    from openlineage.client import facet_v2

    found: dict[str, Any] = {}
    for key, fields in facets.items():
        module, name = CLASSES[key]
        kind = getattr(getattr(facet_v2, module, None), name, None)
        if kind is None:
            continue
        # A class of an older client may lack a field.
        with suppress(TypeError):
            found[key] = kind(**fields)
    return found
