"""The local Cloud Monitoring: metrics that the sandbox and its users write, and ListTimeSeries.

The process of the local Vertex AI serves it; nothing here imports that.
"""
