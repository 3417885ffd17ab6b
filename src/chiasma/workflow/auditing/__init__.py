"""The verb audit: what a dataset leaks, and what else could explain its answers."""
