"""Frozen nouns: they hold invariants and slicing; verbs are functions elsewhere."""
