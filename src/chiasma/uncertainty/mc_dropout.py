"""Dropout left on while predicting, as samples of the network's uncertainty (Gal & Ghahramani 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.uncertainty.ensembles import Ensemble, combine


def mc_dropout(
    model: Any,
    inputs: Any,
    *,
    samples: int = 20,
    seed: int = 0,
    transform: Callable[[Any], Any] | None = None,
    probabilities: bool = False,
) -> Ensemble:
    """Mean and variance of a network's outputs under dropout; everything but dropout stays in evaluation mode.

    The modes of all modules and the global random state are as before afterwards.

    Args:
        model: a torch.nn.Module that maps `inputs` to (example, output).
        inputs: a tensor on the model's device.
        samples: forward passes.
        seed: of the dropout masks.
        transform: what is done to the outputs of each pass, for instance softmax; none by default.
        probabilities: whether transformed rows are class probabilities.

    Raises:
        InsufficientDataError: the network has no dropout, so that all samples would be the same.
    """
    import torch

    active = [part for part in model.modules() if isinstance(part, torch.nn.modules.dropout._DropoutNd) and part.p > 0]
    if not active:
        raise InsufficientDataError(
            "the network has no dropout", where="MC dropout", do="use an ensemble of several seeds"
        )
    modes = [(part, part.training) for part in model.modules()]
    devices = [inputs.device] if inputs.is_cuda else []
    try:
        model.eval()
        for part in active:
            part.training = True
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            torch.manual_seed(seed)
            drawn = [model(inputs) for _ in range(samples)]
            outputs = [np.asarray((transform(one) if transform else one).cpu().numpy(), float) for one in drawn]
    finally:
        for part, training in modes:
            part.training = training
    return combine(outputs, probabilities=probabilities)
