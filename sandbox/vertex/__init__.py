"""A local Vertex AI: real paths, messages and rules, over HTTP/JSON.

One folder or file a resource; `routes` derives paths and types from Google's client library.
"""
