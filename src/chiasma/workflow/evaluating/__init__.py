"""Figures of a fitted model on held-out examples, one module for each kind of answer."""
