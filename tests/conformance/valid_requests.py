"""One valid request for each method of the sandbox, to be changed by fuzzing."""

from typing import Any

from tests.conftest import CONSTANT

_ENDPOINT = {"displayName": "x", "description": "d", "labels": {"a": "b"}}
_MODEL = {
    "displayName": "x",
    "labels": {"a": "b"},
    "artifactUri": "gs://titleholder-local-titleholder/conformance/constant-1",
    "containerSpec": {"imageUri": CONSTANT},
    "versionAliases": ["aa"],
}
_DEPLOYED = {
    "model": "{parent}/models/m@1",
    "id": "3",
    "dedicatedResources": {
        "machineSpec": {"machineType": "n1-standard-2"},
        "minReplicaCount": 1,
        "maxReplicaCount": 2,
    },
}
_JOB = {
    "displayName": "x",
    "labels": {"a": "b"},
    # Without a task, so that no component runs.
    "pipelineSpec": {
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.16.1",
        "pipelineInfo": {"name": "x"},
        "deploymentSpec": {"executors": {}},
        "root": {"dag": {"tasks": {}}, "inputDefinitions": {"parameters": {"p": {}}}},
    },
    "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/x", "parameterValues": {"p": 1}},
}

_BATCH = {
    "displayName": "x",
    "labels": {"a": "b"},
    "model": "{parent}/models/m@1",
    "inputConfig": {
        "instancesFormat": "jsonl",
        "gcsSource": {"uris": ["gs://titleholder-local-titleholder/conformance/constant-1/*"]},
    },
    "instanceConfig": {"instanceType": "array", "includedFields": ["b", "a"], "keyField": "k"},
    "modelParameters": {"x": 1},
    "outputConfig": {
        "predictionsFormat": "csv",
        "gcsDestination": {"outputUriPrefix": "gs://titleholder-local-titleholder/conformance"},
    },
    "dedicatedResources": {
        "machineSpec": {"machineType": "n1-standard-2"},
        "startingReplicaCount": 1,
        "maxReplicaCount": 2,
    },
    "manualBatchTuningParameters": {"batchSize": 8},
}

BODIES: dict[str, Any] = {
    "create_endpoint": _ENDPOINT,
    "update_endpoint": {**_ENDPOINT, "trafficSplit": {"1": 50, "2": 50}},
    "update_endpoint_long_running": {
        "endpoint": {"clientConnectionConfig": {"inferenceTimeout": "60s"}}
    },
    "deploy_model": {"deployedModel": _DEPLOYED, "trafficSplit": {"1": 50, "0": 50}},
    "mutate_deployed_model": {
        "deployedModel": {
            "id": "1",
            "dedicatedResources": {"minReplicaCount": 2, "maxReplicaCount": 3},
        },
        "updateMask": "dedicatedResources.minReplicaCount,dedicatedResources.maxReplicaCount",
    },
    "undeploy_model": {"deployedModelId": "2", "trafficSplit": {"1": 100}},
    "upload_model": {"model": _MODEL, "parentModel": "{parent}/models/m"},
    "update_model": _MODEL,
    "merge_version_aliases": {"versionAliases": ["aa", "-bb", "default"]},
    "import_model_evaluation": {
        "modelEvaluation": {"metricsSchemaUri": "gs://b/x.yaml", "metrics": {"rmse": 1.5}}
    },
    "batch_import_model_evaluation_slices": {
        "modelEvaluationSlices": [
            {"slice": {"dimension": "slice", "value": "a"}, "metricsSchemaUri": "gs://b/x.yaml"}
        ]
    },
    "copy_model": {"sourceModel": "{parent}/models/m@1", "modelId": "n"},
    "create_pipeline_job": _JOB,
    "create_batch_prediction_job": _BATCH,
    "batch_cancel_pipeline_jobs": {"names": ["{parent}/pipelineJobs/x"]},
    "batch_delete_pipeline_jobs": {"names": ["{parent}/pipelineJobs/x"]},
    "predict": {"instances": [[1.0, 2.0, 3.0]], "parameters": {"a": 1}},
}
"""Bodies by method; `{parent}` is the location of the test."""

QUERIES: dict[str, list[tuple[str, str]]] = {
    "create_endpoint": [("endpointId", "b")],
    "update_endpoint": [("updateMask", "displayName,labels,trafficSplit")],
    "update_model": [("updateMask", "displayName,labels")],
    "list_endpoints": [("filter", "display_name=x"), ("pageSize", "1"), ("orderBy", "create_time")],
    "list_model_evaluation_slices": [("filter", "slice.dimension=slice"), ("pageSize", "1")],
    "list_models": [("filter", 'labels.a="b"'), ("readMask", "name")],
    "list_model_versions": [("pageSize", "2"), ("orderBy", "create_time desc")],
    "list_pipeline_jobs": [("filter", 'state="PIPELINE_STATE_FAILED"')],
    "list_batch_prediction_jobs": [("filter", 'state="JOB_STATE_FAILED"'), ("readMask", "name")],
    "list_operations": [("filter", "done=true"), ("pageSize", "3")],
    "wait_operation": [("timeout", "0.01s")],
}
"""Query parameters by method."""
