"""A small problem for canonical correlation of several views: three that follow two axes, along which classes part."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted_tables import views_on_two_axes


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; eight genes, six fatty acids and five proteins follow two shared axes."""
    return views_on_two_axes(seed, name="rgcca-example", views={"gene": (30, 8), "lipid": (12, 6), "protein": (10, 5)})
