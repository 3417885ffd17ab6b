"""An autoencoder of any number of views: each its encoder and its likelihood, one space of factors between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from chiasma.nn import likelihoods

Likelihood = Literal["gaussian", "nb", "zinb", "bernoulli"]
Activation = Literal["elu", "relu", "linear"]
_ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "linear": nn.Identity}


@dataclass(frozen=True)
class ViewShape:
    """One view: its number of features, units and activation of its encoder, and how its values are distributed."""

    features: int
    hidden: int
    activation: Activation
    likelihood: Likelihood


@dataclass(frozen=True)
class Posterior:
    """What the views say of the factors: mean and logarithm of the variance (sample, factor); None if no variance."""

    mean: Tensor
    log_variance: Tensor | None

    def draw(self) -> Tensor:
        """A sample by torch's generator; the mean where there is no variance."""
        if self.log_variance is None:
            return self.mean
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence from the standard normal (sample,); 0 where there is no variance."""
        if self.log_variance is None:
            return self.mean.new_zeros(len(self.mean))
        return 0.5 * (self.mean**2 + self.log_variance.exp() - self.log_variance - 1).sum(dim=1)


class MultiviewAutoencoder(nn.Module):
    """Views in, factors between, views out.

    Variational: every view is an expert that gives a normal distribution of the factors, and the posterior is the
    product of those present with the standard normal (Wu and Goodman 2018, arXiv:1802.05335, eq. 4), so that any views
    may be absent. Plain: the encoders side by side to a linear bottleneck; all views are needed.

    Args:
        shapes: of the views, in order.
        factors: dimensions between.
        decoder: units of the layer that all views are read from.
        variational: see above.
    """

    def __init__(self, shapes: Sequence[ViewShape], *, factors: int, decoder: int, variational: bool) -> None:
        super().__init__()
        self.shapes = tuple(shapes)
        self.variational = variational
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(shape.features, shape.hidden), _ACTIVATIONS[shape.activation]())
            for shape in self.shapes
        )
        if variational:
            self.experts = nn.ModuleList(nn.Linear(shape.hidden, 2 * factors) for shape in self.shapes)
        else:
            self.bottleneck = nn.Linear(sum(shape.hidden for shape in self.shapes), factors)
        self.trunk = nn.Sequential(nn.Linear(factors, decoder), nn.ELU())
        self.heads = nn.ModuleList(nn.Linear(decoder, shape.features) for shape in self.shapes)
        self.spreads = nn.ParameterDict()
        self.zeros = nn.ModuleDict()
        for index, shape in enumerate(self.shapes):
            if shape.likelihood in ("nb", "zinb") or (shape.likelihood == "gaussian" and variational):
                self.spreads[str(index)] = nn.Parameter(torch.zeros(shape.features))
            if shape.likelihood == "zinb":
                self.zeros[str(index)] = nn.Linear(decoder, shape.features)

    def encode(self, inputs: Sequence[Tensor], present: Tensor) -> Posterior:
        """The posterior of the factors.

        Args:
            inputs: of each view (sample, feature), without NaN; any numbers where the view is absent.
            present: whether a sample has a view (sample, view); all of them if plain.
        """
        hidden = [encoder(x) for encoder, x in zip(self.encoders, inputs)]
        if not self.variational:
            return Posterior(self.bottleneck(torch.cat(hidden, dim=1)), None)
        total = torch.ones((), dtype=inputs[0].dtype, device=inputs[0].device)
        weighted = torch.zeros_like(total)
        for index, (expert, h) in enumerate(zip(self.experts, hidden)):
            mean, log_variance = expert(h).chunk(2, dim=1)  # (sample, factor) each
            precision = torch.exp(-log_variance.clamp(-8, 8)) * present[:, index : index + 1]
            total = total + precision
            weighted = weighted + precision * mean
        return Posterior(weighted / total, -torch.log(total))

    def decode(self, factors: Tensor, sizes: Sequence[Tensor]) -> list[Tensor]:
        """Expected values of every view (sample, feature): means, or logits of a Bernoulli view.

        Args:
            factors: (sample, factor).
            sizes: total count of each sample in each view (sample, 1); looked at for counts.
        """
        trunk = self.trunk(factors)
        made = []
        for shape, head, size in zip(self.shapes, self.heads, sizes):
            out = head(trunk)
            made.append(torch.softmax(out, dim=1) * size if shape.likelihood in ("nb", "zinb") else out)
        return made

    def zero_logits(self, factors: Tensor, view: int) -> Tensor:
        """Logits of the further zeros of a zero-inflated view (sample, feature)."""
        return self.zeros[str(view)](self.trunk(factors))

    def losses(self, factors: Tensor, targets: Sequence[Tensor], sizes: Sequence[Tensor]) -> Tensor:
        """Negative log likelihood of each sample and view, summed over features (sample, view); NaN is left out."""
        found = []
        for index, (shape, value, mean) in enumerate(zip(self.shapes, targets, self.decode(factors, sizes))):
            spread = self.spreads[str(index)] if str(index) in self.spreads else None  # noqa: SIM401 - no such method in older torch
            if shape.likelihood == "bernoulli":
                loss = likelihoods.bernoulli(value, mean)
            elif spread is None:
                loss = likelihoods.squared_error(value, mean)
            elif shape.likelihood == "gaussian":
                loss = likelihoods.gaussian(value, mean, spread)
            elif shape.likelihood == "nb":
                loss = likelihoods.negative_binomial(value, mean, spread)
            else:
                loss = likelihoods.zero_inflated(value, mean, spread, self.zero_logits(factors, index))
            found.append(loss.sum(dim=1))
        return torch.stack(found, dim=1)
