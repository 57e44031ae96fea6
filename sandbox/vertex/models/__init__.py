"""ModelService: the registry of models, with versions, aliases and evaluations."""
