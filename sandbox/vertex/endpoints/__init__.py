"""EndpointService: endpoints, their deployed models and traffic splits."""
