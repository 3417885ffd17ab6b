"""The run folder, and the executors that carry work out."""
