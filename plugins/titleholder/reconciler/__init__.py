"""The rollout engine: observe, plan, apply one step, repeat; and its events."""
