"""What the server and the child process of a job tell each other."""
