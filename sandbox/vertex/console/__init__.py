"""Read-only pages of pipeline jobs, endpoints, versions, logs and objects, in place of Google's
console. Their paths are Google's, below /console."""
