from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.plot.logo import letter_logo, motif_logo


def test_logo_draws_one_letter_for_a_certain_base():
    matrix = np.full((3, 4), 1e-12)
    matrix[np.arange(3), [0, 1, 3]] = 1
    figure = motif_logo(matrix, title="a < b")
    root = ET.fromstring(figure.svg)
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == 3
    np.testing.assert_allclose(figure.table["A"], [2, 0, 0], atol=1e-6)
    assert figure.svg == motif_logo(matrix, title="a < b").svg


def test_contributions_go_below_the_line():
    figure = letter_logo(np.array([[1.0, 0, 0, -0.5]]), start=-3)
    paths = ET.fromstring(figure.svg).findall("{http://www.w3.org/2000/svg}path")
    scales = [float(path.get("transform").split("scale(")[1].rstrip(")").split()[1]) for path in paths]
    assert sorted(np.sign(scales)) == [-1, 1]
    assert figure.table["position"][0] == -3


@pytest.mark.parametrize("heights", [np.zeros((3, 3)), np.zeros((0, 4)), np.full((2, 4), np.nan)])
def test_bad_heights(heights):
    with pytest.raises(UsageError, match="logo"):
        letter_logo(heights)


def test_flat_logo():
    assert "<svg" in letter_logo(np.zeros((2, 4))).svg
