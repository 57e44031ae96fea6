"""ModelService: the registry of models, their versions, aliases and evaluations."""
