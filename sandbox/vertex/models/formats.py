"""The storage formats of batch prediction that every model of the sandbox supports.

Source: Model.supported_input_storage_formats in google/cloud/aiplatform/v1/model.proto.
"""

from typing import Final

INPUT_FORMATS: Final = ("jsonl", "bigquery", "csv", "file-list")
OUTPUT_FORMATS: Final = ("jsonl", "bigquery", "csv")
