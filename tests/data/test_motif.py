"""Arithmetic of motifs."""

import numpy as np

from chiasma.data.motif import PSEUDO, consensus, information, log_odds

PLAIN = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0, 0.5, 0]])


def test_log_odds_at_known_values():
    odds = log_odds(PLAIN)
    np.testing.assert_allclose(odds[1], 0, atol=1e-12)
    np.testing.assert_allclose(odds[0, :2], [np.log2(4 - 3 * PSEUDO), np.log2(PSEUDO)])
    np.testing.assert_allclose(log_odds(7 * PLAIN), odds)
    skewed = np.array([0.4, 0.1, 0.1, 0.4])
    np.testing.assert_allclose(log_odds(skewed[None], background=skewed), 0, atol=1e-12)


def test_information_and_consensus():
    np.testing.assert_allclose(information(PLAIN), [2, 0, 1], atol=1e-6)
    assert consensus(PLAIN) == "ANR"
