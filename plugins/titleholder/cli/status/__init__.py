"""The verb `status`: what it reads, its picture, and `--watch`."""
