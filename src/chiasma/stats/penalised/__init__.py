"""Linear models with penalties."""
