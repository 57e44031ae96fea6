"""Container images as processes: which images are known, their environments, and their replicas."""
