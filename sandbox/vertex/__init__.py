"""A local Vertex AI: its paths, messages and rules, over HTTP/JSON.

http/ derives paths and types from Google's client library, and converts JSON to messages; app.py
calls the service method of the same name. Each service has a package: endpoints/, models/,
prediction/, pipelines/, operations/. Modules that say "No I/O" contain only rules. Any other method
responds with 501; docs/reference/sandbox-coverage.md lists all of them.
"""

from titleholder.gcp.lazy_package import lazy_package

# The modules of this package then import what they use of Google's library, a third of it.
lazy_package("google.cloud.aiplatform_v1")
lazy_package("google.cloud.aiplatform_v1.types")
