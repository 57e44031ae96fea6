"""A local Vertex AI: real paths, messages and rules, over HTTP/JSON.

One resource, one file. `routes` derives paths and types from Google's client library, `transcode`
turns JSON into its messages, `app` calls the method of that name. Rules without I/O: `traffic`,
`aliases`, `fields`, `listing`, `names`. What is not here answers 501 and says so; among it are
explain and raw predict, mutateDeployedModel, exports and copies of models, batch prediction,
private and dedicated endpoints, request-response logging (kept, but nothing is logged), quotas,
permissions, and autoscaling (one process serves, whatever the machine type).
"""
