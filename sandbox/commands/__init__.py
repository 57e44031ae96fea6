"""What people run against a sandbox that is up."""
