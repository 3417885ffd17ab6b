"""Which engine fits: compiled loops on the CPU, or tensors on a GPU for gaussian views without scattered holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.stats.mofa.fit import Ascent, Engine, Rules
from chiasma.stats.mofa.nodes import ALPHA_PRIOR, TAU_PRIOR, Beta, Block, Factors, Gamma, Weights

if TYPE_CHECKING:
    import torch

    from chiasma.nn.factor_ascent import GammaTensor, ViewAscent


class TensorEngine:
    """A fit on tensors in float64, in the words of the CPU engine."""

    def __init__(
        self, blocks: Sequence[Block], groups: Sequence[slice], start: np.ndarray, rules: Rules, *, device: str
    ) -> None:
        """Begin with means `start` (factor, sample) on a torch device."""
        import torch

        from chiasma.nn.factor_ascent import AscentOptions, FactorAscent

        self.rules = rules
        self.offsets = (None,) * len(blocks)
        options = AscentOptions(
            ALPHA_PRIOR, TAU_PRIOR, rules.spike_slab, rules.sparsity_from, rules.group_relevance, rules.faithful
        )

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(values, dtype=torch.float64, device=device)

        values = [tensor(block.values) for block in blocks]
        present = [tensor(_present(block)) for block in blocks]
        self._state = FactorAscent(values, present, groups, tensor(start), options)

    @property
    def factors(self) -> Factors:
        """Of the samples."""
        state = self._state
        alpha = None if state.alpha is None else _gamma(state.alpha)
        return Factors(_array(state.mean), _array(state.variance), alpha)

    @property
    def weights(self) -> list[Weights]:
        """Of each view."""
        return [_weights(view, spike_slab=self.rules.spike_slab) for view in self._state.views]

    @property
    def noise(self) -> list[Gamma | None]:
        """Precision of each view by group and feature."""
        return [_gamma(view.noise) for view in self._state.views]

    @property
    def totals(self) -> list[np.ndarray]:
        """Sum of squares of each view (group, feature)."""
        return [_array(view.total) for view in self._state.views]

    def sweep(self, iteration: int) -> None:
        """Update everything once."""
        self._state.sweep(iteration)

    def bound(self) -> float:
        """The evidence lower bound."""
        return self._state.bound()

    def explained(self) -> np.ndarray:
        """Share of each view by factor, the last column by all (view, group, factor + 1)."""
        return np.stack([_array(view.explained()) for view in self._state.views])

    def keep(self, index: np.ndarray) -> None:
        """Keep some factors, in this order."""
        import torch

        self._state.keep(torch.as_tensor(index, device=self._state.mean.device))


class EngineChoice:
    """Makes the engine that a device can offer for views, once they are seen.

    Attributes:
        refusal: why the GPU that is there did not fit these views; None where it did, or none was asked for.
    """

    def __init__(self, views: Sequence[str], *, device: str | None, strict: bool) -> None:
        """Of views by name, on a torch device, or None for the CPU's compiled loops; `strict` takes no other."""
        self.views, self.device, self.strict = tuple(views), device, strict
        self.refusal: str | None = None

    def __call__(self, blocks: Sequence[Block], groups: Sequence[slice], start: np.ndarray, rules: Rules) -> Engine:
        """The tensor engine if the views suit it, else the CPU's, or, where strict, an error that says which does not.

        Raises:
            UsageError: views that only the CPU engine can fit.
        """
        if self.device is None:
            return Ascent(blocks, groups, start, rules)
        problems = {name: unsuited(block) for name, block in zip(self.views, blocks, strict=True)}
        poor = {name: problem for name, problem in problems.items() if problem is not None}
        if not poor:
            return TensorEngine(blocks, groups, start, rules, device=self.device)
        name, problem = next(iter(poor.items()))
        if self.strict:
            raise UsageError(
                "a view that only the CPU engine can fit",
                where=f"view {name}",
                got=problem,
                expected="on a GPU: gaussian views in which a sample has every value or none",
                do="--device cpu, which fits bernoulli and poisson views and any missing values",
            )
        told = "; ".join(f"view {name}: {problem}" for name, problem in poor.items())
        self.refusal = f"fitted on the CPU, since the GPU engine cannot take every view ({told})"
        return Ascent(blocks, groups, start, rules)


def pick_engine(device: str, views: Sequence[str]) -> EngineChoice:
    """The engine for a device: `cpu`, `cuda`, or `auto`, which takes a GPU if there is one and the views suit it.

    Args:
        device: as asked for.
        views: names, in the order of the fit.

    Raises:
        UsageError: no such device, or one without float64.
    """
    if device == "cpu":
        return EngineChoice(views, device=None, strict=True)
    if device not in ("auto", "cuda"):
        raise UsageError("not a device that fits this in float64", got=device, expected="auto, cpu or cuda")
    import torch

    if torch.cuda.is_available():
        return EngineChoice(views, device="cuda", strict=device == "cuda")
    if device == "auto":
        return EngineChoice(views, device=None, strict=False)
    raise UsageError("no such device on this machine", got=device, expected="cpu or auto", do="--device cpu")


def unsuited(block: Block) -> str | None:
    """Why a view cannot be fitted on tensors, or None if it can."""
    if block.likelihood != "gaussian":
        return f"a {block.likelihood} likelihood"
    if block.observed is None:
        return None
    measured = block.observed.sum(axis=1)
    partly = (measured > 0) & (measured < block.observed.shape[1])
    return f"{int(partly.sum())} samples with some values missing" if partly.any() else None


def _present(block: Block) -> np.ndarray:
    if block.observed is None:
        return np.ones(len(block.values))
    return block.observed[:, 0].astype(np.float64)


def _array(values: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.cpu().numpy())


def _gamma(gamma: GammaTensor) -> Gamma:
    return Gamma(_array(gamma.shape), _array(gamma.rate))


def _weights(view: ViewAscent, *, spike_slab: bool) -> Weights:
    return Weights(
        _array(view.mean),
        _array(view.square),
        _array(view.slab),
        _array(view.variance),
        _array(view.spike_variance),
        _array(view.inclusion) if spike_slab else None,
        _gamma(view.alpha),
        Beta(_array(view.yes), _array(view.no)),
    )
