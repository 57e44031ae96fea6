"""The processes of the sandbox: how they are started, guarded and stopped."""
