"""Partial least squares, canonical correlation and their sparse and many-block relatives."""
