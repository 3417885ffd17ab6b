"""The verb explain, for sequence models and for the factors of matrices."""
