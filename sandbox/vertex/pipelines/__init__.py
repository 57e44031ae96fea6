"""Pipeline jobs: compiled KFP pipelines, really run, one child process a job.

`service` answers the calls and `supervisor` owns the children; a child is `runner`, which walks
the graph (`dag_executor`) and starts one process a component (`component`, `component_main`).
"""
