"""What the duel is made of. Its functions travel with the step, so each imports inside."""
