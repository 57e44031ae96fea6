"""The verbs that use a running sandbox, each in a module that only its verb imports."""
