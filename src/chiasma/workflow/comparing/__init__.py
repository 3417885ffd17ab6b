"""The verb compare: several methods on the same divisions."""
