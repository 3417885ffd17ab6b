"""Neighbourhood graphs: making, weighing, joining and laying them out."""
