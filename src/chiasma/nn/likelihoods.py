"""Negative log likelihoods of measurements, entry by entry; NaN where a value is missing gives 0.

Counts as in Lopez et al. 2018 (doi:10.1038/s41592-018-0229-2), equations of the supplement: a negative binomial by mean
and inverse dispersion, and the same with extra zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LOG_TWO_PI = 1.8378770664093453
_LEAST_MEAN = 1e-8
_LOG_NOISE = 6.0
"""Bound of the logarithms of variances and dispersions."""


def gaussian(value: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Of a normal distribution (sample, feature); `log_variance` (feature,)."""
    known, filled = _known(value)
    spread = log_variance.clamp(-_LOG_NOISE, _LOG_NOISE)
    loss = 0.5 * ((filled - mean) ** 2 * torch.exp(-spread) + spread + _LOG_TWO_PI)
    return torch.where(known, loss, torch.zeros_like(loss))


def squared_error(value: Tensor, mean: Tensor) -> Tensor:
    """Squared difference (sample, feature): a normal distribution whose variance is the same everywhere."""
    known, filled = _known(value)
    loss = (filled - mean) ** 2
    return torch.where(known, loss, torch.zeros_like(loss))


def bernoulli(value: Tensor, logit: Tensor) -> Tensor:
    """Of 0 or 1 by the logit of its probability (sample, feature)."""
    known, filled = _known(value)
    loss = functional.binary_cross_entropy_with_logits(logit, filled, reduction="none")
    return torch.where(known, loss, torch.zeros_like(loss))


def negative_binomial(value: Tensor, mean: Tensor, log_inverse_dispersion: Tensor) -> Tensor:
    """Of a count with variance mean + mean^2 / r (sample, feature); `log_inverse_dispersion` is log r (feature,)."""
    known, filled = _known(value)
    loss = -_log_negative_binomial(filled, mean, log_inverse_dispersion)
    return torch.where(known, loss, torch.zeros_like(loss))


def zero_inflated(value: Tensor, mean: Tensor, log_inverse_dispersion: Tensor, zero_logit: Tensor) -> Tensor:
    """As `negative_binomial`, with further zeros of a probability given by its logit (sample, feature)."""
    known, filled = _known(value)
    counted = _log_negative_binomial(filled, mean, log_inverse_dispersion)
    no_zero, zero = functional.logsigmoid(-zero_logit), functional.logsigmoid(zero_logit)
    at_zero = torch.logaddexp(zero, no_zero + counted)
    loss = -torch.where(filled == 0, at_zero, no_zero + counted)
    return torch.where(known, loss, torch.zeros_like(loss))


def _log_negative_binomial(value: Tensor, mean: Tensor, log_inverse_dispersion: Tensor) -> Tensor:
    log_r = log_inverse_dispersion.clamp(-_LOG_NOISE, _LOG_NOISE)
    r = torch.exp(log_r)
    log_mean = torch.log(mean + _LEAST_MEAN)
    log_total = torch.logaddexp(log_r.expand_as(log_mean), log_mean)
    ways = torch.lgamma(value + r) - torch.lgamma(r) - torch.lgamma(value + 1)
    return ways + r * (log_r - log_total) + value * (log_mean - log_total)


def _known(value: Tensor) -> tuple[Tensor, Tensor]:
    known = ~torch.isnan(value)
    return known, torch.where(known, value, torch.zeros_like(value))
