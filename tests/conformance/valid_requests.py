"""One valid request for each method of the sandbox, to be changed by fuzzing."""

import json
from typing import Any

from tests.conftest import CONSTANT
from tests.sandbox.vertex.pipelines import samples

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
_JOB: dict[str, Any] = {
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
# With a task: random requests must not start it, see cron.
_SCHEDULED = {
    **_JOB,
    "pipelineSpec": json.loads(samples.compiled(samples.exits)),
    "runtimeConfig": {**_JOB["runtimeConfig"], "parameterValues": {"code": 0}},
}
_SCHEDULE = {
    "displayName": "x",
    # Never while random requests move the clock.
    "cron": "TZ=Europe/Zurich 0 3 1 12 *",
    "startTime": "2990-01-01T00:00:00Z",
    "endTime": "2999-02-01T00:00:00Z",
    "maxRunCount": "3",
    "maxConcurrentRunCount": "1",
    "maxConcurrentActiveRunCount": "2",
    "allowQueueing": True,
    "createPipelineJobRequest": {"parent": "{parent}", "pipelineJob": _SCHEDULED},
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
    "create_schedule": _SCHEDULE,
    "update_schedule": {"name": "{parent}/schedules/{schedule}", **_SCHEDULE},
    "resume_schedule": {"catchUp": True},
    "batch_cancel_pipeline_jobs": {"names": ["{parent}/pipelineJobs/x"]},
    "batch_delete_pipeline_jobs": {"names": ["{parent}/pipelineJobs/x"]},
    "create_time_series": {
        "timeSeries": [
            {
                "metric": {"type": "custom.googleapis.com/x", "labels": {"kind": "tea"}},
                "resource": {"type": "global", "labels": {}},
                "metricKind": "GAUGE",
                "points": [
                    {
                        # The clock of the server is near.
                        "interval": {"endTime": "2026-01-05T12:00:00Z"},
                        "value": {"int64Value": "1"},
                    }
                ],
            }
        ]
    },
    "create_metric_descriptor": {
        "type": "custom.googleapis.com/y",
        "metricKind": "CUMULATIVE",
        "valueType": "DOUBLE",
        "labels": [{"key": "kind"}],
    },
    "write_log_entries": {
        "logName": "projects/100000000001/logs/x",
        "resource": {"type": "global", "labels": {}},
        "labels": {"a": "b"},
        "entries": [{"textPayload": "x", "severity": "INFO", "insertId": "1"}],
    },
    "list_log_entries": {
        "resourceNames": ["projects/100000000001"],
        "filter": 'severity>=INFO AND timestamp>"2026-01-01T00:00:00Z"',
        "orderBy": "timestamp desc",
        "pageSize": 2,
    },
    "predict": {"instances": [[1.0, 2.0, 3.0]], "parameters": {"a": 1}},
}
"""Bodies by method; `{parent}` is the location of the test, `{schedule}` a schedule in it."""

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
    "list_schedules": [("filter", 'state="ACTIVE" OR NOT end_time:*'), ("orderBy", "end_time")],
    "update_schedule": [("updateMask", "displayName,cron,maxRunCount,createPipelineJobRequest")],
    "list_time_series": [
        ("filter", 'metric.type="custom.googleapis.com/x"'),
        ("interval.startTime", "2026-01-05T00:00:00Z"),
        ("interval.endTime", "2026-01-06T00:00:00Z"),
        ("aggregation.alignmentPeriod", "600s"),
        ("aggregation.perSeriesAligner", "ALIGN_SUM"),
        ("aggregation.crossSeriesReducer", "REDUCE_MEAN"),
        ("aggregation.groupByFields", "metric.labels.kind"),
    ],
    "list_metric_descriptors": [("filter", 'metric.type=starts_with("custom")')],
    "list_operations": [("filter", "done=true"), ("pageSize", "3")],
    "wait_operation": [("timeout", "0.01s")],
}
"""Query parameters by method."""
