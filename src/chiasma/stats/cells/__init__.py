"""Two sets of cells: anchors, alignment, correction."""
