"""The messages between the server and the child process of a job."""
