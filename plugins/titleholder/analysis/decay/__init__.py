"""The sequential test for decay of the champion's loss. Pure, no I/O."""
