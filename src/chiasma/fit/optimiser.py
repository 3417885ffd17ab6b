"""Optimisers by name."""

from __future__ import annotations

import torch
from torch import nn

from chiasma.fit.config import TrainingConfig


def make_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Weight matrices decay; biases, gains and other vectors do not."""
    parameters = [value for value in model.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in parameters if value.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [value for value in parameters if value.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon)


def clip_each(model: nn.Module, most: float) -> torch.Tensor:
    """Scale down each gradient whose norm is above `most`; the norm of all of them before.

    As Keras's `clipnorm`, which Basenji was trained with.
    """
    gradients = [value.grad for value in model.parameters() if value.grad is not None]
    norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
    for gradient, norm in zip(gradients, norms):
        gradient.mul_(torch.clamp(most / (norm + 1e-12), max=1.0))
    return torch.linalg.vector_norm(norms)
