"""Planning of an endpoint's deployed models, roles and traffic. Pure, no I/O.

view  = observe(...)           # titleholder.gcp.vertex, one read
steps = plan(view, intent)     # here
apply(steps[0]); repeat until there are no steps
"""
