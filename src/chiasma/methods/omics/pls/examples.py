"""A small problem for partial least squares: two views that follow two axes, along which three classes part."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted_tables import views_on_two_axes


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; eight genes and six fatty acids follow two shared axes, the rest is noise."""
    return views_on_two_axes(seed, name="pls-example", views={"gene": (30, 8), "lipid": (12, 6)})
