"""Who answers which share of the requests: pure decisions, no I/O.

view  = observe(...)           # titleholder.gcp.vertex, one read
steps = plan(view, intent)     # here
apply(steps[0]); repeat until there are none
"""
