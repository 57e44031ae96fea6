"""EndpointService: endpoints, the models deployed on them, and who gets how much traffic."""
