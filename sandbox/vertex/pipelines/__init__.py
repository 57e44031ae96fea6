"""Pipeline jobs: compiled KFP pipelines, each run in a child process of the server.

api/ has the calls of PipelineService; jobs/ the jobs in the store and their child processes;
execution/ what a child process runs; protocol/ the messages between the two; spec/ the compiled
pipeline. Only api/ and jobs/ import Google's client library, whose import takes long.
"""
