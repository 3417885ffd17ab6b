"""A density of parameters given statistics: a mixture of normals whose numbers a network gives (Bishop 1994)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MixtureDensity(nn.Module):
    """p(y | x) as a mixture of normals with full covariance.

    Args:
        inputs: of x.
        outputs: of y.
        components: of the mixture.
        hidden: units of each of two dense layers.
    """

    def __init__(self, inputs: int, outputs: int, *, components: int = 4, hidden: int = 64) -> None:
        super().__init__()
        self.outputs, self.components = outputs, components
        self.trunk = nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        below = outputs * (outputs - 1) // 2
        self.head = nn.Linear(hidden, components * (1 + 2 * outputs + below))
        rows, columns = torch.tril_indices(outputs, outputs, offset=-1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density of y (batch, output) given x (batch, input): (batch,)."""
        weights, means, factors = self._mixture(x)
        white = (factors @ (y[:, None] - means)[..., None])[..., 0]  # (batch, component, output)
        log_det = torch.diagonal(factors, dim1=2, dim2=3).log().sum(dim=2)
        constant = 0.5 * self.outputs * math.log(2 * math.pi)
        each = weights + log_det - 0.5 * white.square().sum(dim=2) - constant
        return torch.logsumexp(each, dim=1)

    def draw(self, x: Tensor, number: int, *, generator: torch.Generator) -> Tensor:
        """Draws of y given each x: (batch, number, output)."""
        weights, means, factors = self._mixture(x)
        which = torch.multinomial(weights.exp(), number, replacement=True, generator=generator)
        noise = torch.randn(len(x), number, self.outputs, 1, generator=generator)
        batch = torch.arange(len(x))[:, None]
        white = torch.linalg.solve_triangular(factors[batch, which], noise, upper=False)
        return means[batch, which] + white[..., 0]

    def _mixture(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (batch, component), means, and Cholesky factors of the precisions."""
        found = self.head(self.trunk(x)).reshape(len(x), self.components, -1)
        size = self.outputs
        weights = torch.log_softmax(found[..., 0], dim=1)
        # deviations within e^-7 and e^7 of the units given: a component cannot close in on one example
        scale = (7 * torch.tanh(found[..., 1 + size : 1 + 2 * size] / 7)).exp()
        factors = torch.diag_embed(scale)
        if size > 1:
            factors = factors.index_put(
                (
                    torch.arange(len(x))[:, None, None],
                    torch.arange(self.components)[None, :, None],
                    self.get_buffer("rows"),
                    self.get_buffer("columns"),
                ),
                found[..., 1 + 2 * size :],
            )
        return weights, found[..., 1 : 1 + size], factors
