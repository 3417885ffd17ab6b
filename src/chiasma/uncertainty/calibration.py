"""Whether a probability of .8 comes true eight times in ten, and a temperature to make it so (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError

TINY = 1e-12
"""Probabilities are kept this far from 0 and 1 before a logarithm."""
BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy in bins of equal numbers of examples.

    Attributes:
        mean_p: mean predicted probability of a bin (bin,).
        observed: share that came true (bin,).
        low: lower end of the 95 % Wilson interval of `observed` (bin,).
        high: upper end (bin,).
        n: examples (bin,).
    """

    mean_p: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray

    def rows(self) -> list[dict[str, float]]:
        """One dictionary a bin, JSON-ready."""
        names = ("mean_p", "observed", "low", "high", "n")
        columns = [getattr(self, name).tolist() for name in names]
        return [dict(zip(names, row)) for row in zip(*columns, strict=True)]


def fit_temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The temperature that makes the calibration labels likeliest; above 1 where the model is too sure.

    Args:
        probabilities: (example, class).
        y: class codes (example,).

    Raises:
        InsufficientDataError: no example.
        MismatchError: lengths differ.
    """
    from scipy.optimize import minimize_scalar

    logits, codes = _logits(probabilities), np.asarray(y, int)
    if len(logits) != len(codes):
        raise MismatchError("probabilities and classes differ in length", got=len(codes), expected=len(logits))
    if not len(codes):
        raise InsufficientDataError("no calibration examples", where="temperature", expected="one or more")

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.mean(normaliser - scaled[np.arange(len(codes)), codes]))

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-6}).x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (example, class) with their logarithms divided by the temperature, summing to one again."""
    scaled = _logits(probabilities) / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def reliability(probabilities: np.ndarray, y: np.ndarray, *, bins: int = BINS) -> Reliability:
    """Reliability over bins of equal numbers: of the positive class for two classes, of the top class for more.

    Args:
        probabilities: (example, class).
        y: class codes (example,).
        bins: at most so many; equal probabilities stay in one bin.
    """
    values, codes = np.asarray(probabilities, float), np.asarray(y, int)
    if not len(values):
        raise InsufficientDataError("no example to compare with", where="reliability", expected="one or more")
    two = values.shape[1] == 2
    confidence = values[:, 1] if two else values.max(axis=1)
    right = (codes == 1) if two else (values.argmax(axis=1) == codes)
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
    bin_of = np.searchsorted(edges[1:-1], confidence, side="right")
    count = np.bincount(bin_of, minlength=1).astype(float)
    used = count > 0
    mean = np.bincount(bin_of, confidence)[used] / count[used]
    observed = np.bincount(bin_of, right.astype(float))[used] / count[used]
    low, high = wilson(observed, count[used])
    return Reliability(mean, observed, low, high, count[used].astype(int))


def wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share among `count` draws (Wilson 1927)."""
    z = 1.959963984540054
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(np.asarray(probabilities, float), TINY, 1.0))
