"""Multi-omics factor analysis from values to a fitted model: groups in order, factors ordered, signs fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.special import expit

from chiasma.core.errors import InsufficientDataError
from chiasma.stats.mofa.fit import Ascent, Fit, MakeEngine, Rules, fit_factors
from chiasma.stats.mofa.likelihoods import curvature, linear_moments, softplus
from chiasma.stats.mofa.nodes import Block, Factors, Gamma, Likelihood
from chiasma.stats.mofa.project import ViewModel, infer_factors
from chiasma.stats.mofa.start import principal_start
from chiasma.stats.mofa.views import Frame, learn_frame
from chiasma.stats.views import ViewsError


@dataclass(frozen=True)
class Settings:
    """What is fitted.

    Attributes:
        factors: to begin with.
        likelihoods: of each view.
        scale_views: divide gaussian views by their standard deviation.
        scale_groups: and groups of samples within them.
        rules: how the fit proceeds.
        seed: of the start.
        engine: what sweeps.
    """

    factors: int
    likelihoods: Mapping[str, Likelihood]
    scale_views: bool = True
    scale_groups: bool = False
    rules: Rules = field(default_factory=Rules)
    seed: int = 0
    engine: MakeEngine = Ascent


@dataclass(frozen=True, eq=False)
class Learnt:
    """A fitted model; rows by group have one more at the end, for samples of no known group.

    Attributes:
        frames: how values of each view are brought to the model.
        views: what was learnt of each view.
        prior: precision of the factors (group, factor).
        factors: posterior means of the samples of the fit (sample, factor).
        explained: share of each view in each group, the last column by all factors (view, group, factor + 1).
        squares: sums of squares which those are shares of (view, group).
        bounds, checked, dropped, converged: course of the fit.
    """

    frames: Mapping[str, Frame]
    views: Mapping[str, ViewModel]
    prior: np.ndarray
    factors: np.ndarray
    explained: np.ndarray
    squares: np.ndarray
    bounds: tuple[float, ...]
    checked: tuple[int, ...]
    dropped: tuple[int, ...]
    converged: bool

    @property
    def n_factors(self) -> int:
        """Factors kept."""
        return self.prior.shape[1]

    def pooled(self) -> np.ndarray:
        """Share of each view over all groups, the last column by all factors (view, factor + 1)."""
        whole = self.squares.sum(axis=1, keepdims=True)
        weight = np.divide(self.squares, whole, out=np.zeros_like(self.squares), where=whole > 0)
        return np.einsum("vgk,vg->vk", self.explained, weight)

    def infer(self, values: Mapping[str, np.ndarray], codes: np.ndarray) -> Factors:
        """Factors of samples, in their order.

        Args:
            values: views that were measured, NaN where missing (sample, input feature).
            codes: group of each sample, -1 where unknown (sample,).
        """
        rows = np.where(codes < 0, len(self.prior) - 1, codes)
        order, groups = sort_groups(rows, len(self.prior))
        blocks = {name: self.frames[name].enter(block[order], rows[order]) for name, block in values.items()}
        found = infer_factors(blocks, self.views, self.prior, groups)
        back = np.argsort(order)
        return Factors(found.mean[:, back], found.variance[:, back])

    def expect(self, factors: Factors, codes: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Mean and variance of the linear predictor of each view, intercepts included (sample, feature)."""
        found = {}
        for name, view in self.views.items():
            mean, variance = linear_moments(factors, view)
            found[name] = mean + view.offset[codes], variance
        return found

    def rebuild(self, factors: np.ndarray, codes: np.ndarray) -> dict[str, np.ndarray]:
        """Expected values of factors (sample, factor), in the units of the input (sample, input feature)."""
        point = Factors(factors.T, np.zeros_like(factors.T))
        rebuilt = {}
        for name, (eta, _) in self.expect(point, codes).items():
            link = {"gaussian": np.asarray, "bernoulli": expit, "poisson": softplus}[self.views[name].likelihood]
            rebuilt[name] = self.frames[name].leave(link(eta), codes)
        return rebuilt


def learn(values: Mapping[str, np.ndarray], codes: np.ndarray, settings: Settings) -> Learnt:
    """Fit to views (sample, feature), NaN where missing, of samples in groups `codes` (sample,).

    Raises:
        ViewsError: no feature of a view varies. InsufficientDataError: more factors than the data can hold.
    """
    frames = {
        name: learn_frame(
            block,
            codes,
            settings.likelihoods[name],
            scale_view=settings.scale_views,
            scale_groups=settings.scale_groups,
        )
        for name, block in values.items()
    }
    for name, frame in frames.items():
        if not frame.kept.any():
            raise ViewsError(
                "no feature varies",
                where=f"view {name}",
                got=f"{len(frame.kept)} features, each constant or never measured",
                do="leave the view out",
            )
    _check_rank(frames, len(codes), settings.factors)
    n_groups = int(codes.max()) + 1
    order, groups = sort_groups(codes, n_groups)
    blocks = {name: frames[name].enter(block[order], codes[order]) for name, block in values.items()}
    start = principal_start(list(blocks.values()), settings.factors, settings.seed)
    fit = fit_factors(list(blocks.values()), groups, start, settings.rules, engine=settings.engine)
    return _finish(blocks, frames, fit, groups, order)


def sort_groups(codes: np.ndarray, n_groups: int) -> tuple[np.ndarray, list[slice]]:
    """Order of samples by group, and the slice of each group in it."""
    cuts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n_groups))])
    slices = [slice(int(begin), int(end)) for begin, end in pairwise(cuts)]
    return np.argsort(codes, kind="stable"), slices


def _check_rank(frames: Mapping[str, Frame], n_samples: int, factors: int) -> None:
    features = sum(int(frame.kept.sum()) for frame in frames.values())
    if factors > min(n_samples, features):
        raise InsufficientDataError(
            "more factors than the data can hold",
            got=f"{factors} factors",
            expected=f"at most {min(n_samples, features)}: {n_samples} samples, {features} features that vary",
            do="lower `factors`",
        )


def _finish(
    blocks: Mapping[str, Block], frames: Mapping[str, Frame], fit: Fit, groups: Sequence[slice], order: np.ndarray
) -> Learnt:
    """Order factors by what they explain, turn them so that their largest weight is positive, place the samples."""
    totals = fit.explained[:, :, :-1].sum(axis=(0, 1))
    ranks = np.argsort(-totals, kind="stable")
    whole = np.concatenate([weights.mean for weights in fit.weights], axis=1)[ranks]
    top = whole[np.arange(len(ranks)), np.abs(whole).argmax(axis=1)]
    signs = np.where(top < 0, -1.0, 1.0)
    views = {}
    for index, (name, block) in enumerate(blocks.items()):
        counts = block.counts(groups)
        noise, offset, weights = fit.noise[index], fit.offsets[index], fit.weights[index]
        scale = _noise_scale(noise, counts) if noise is not None else _other_scale(block, len(groups))
        link = np.zeros((len(groups) + 1, counts.shape[1])) if offset is None else _with_mean(offset, counts)
        model = ViewModel(block.likelihood, weights.mean, weights.square, scale, link)
        views[name] = model.take(ranks, signs)
    prior = fit.factors.prior(len(groups))[:, ranks]
    sizes = np.array([[group.stop - group.start] for group in groups])
    prior = np.vstack([prior, sizes.sum() / (sizes / prior).sum(axis=0)])
    placed = infer_factors(blocks, views, prior, [*groups, slice(len(order), len(order))])
    shares = np.concatenate([fit.explained[:, :, :-1][:, :, ranks], fit.explained[:, :, -1:]], axis=2)
    return Learnt(
        frames,
        views,
        prior,
        np.ascontiguousarray(placed.mean[:, np.argsort(order)].T),
        shares,
        fit.squares,
        fit.bounds,
        fit.checked,
        fit.dropped,
        fit.converged,
    )


def _noise_scale(noise: Gamma, counts: np.ndarray) -> np.ndarray:
    """Precision of the noise (group + 1, feature); 0 where a group never measured a feature, pooled variance last."""
    seen = counts > 0
    pooled = counts.sum(axis=0) / (counts / noise.mean).sum(axis=0)
    return np.vstack([np.where(seen, noise.mean, 0.0), pooled])


def _other_scale(block: Block, n_groups: int) -> np.ndarray:
    scale = np.ones((n_groups + 1, block.values.shape[1]))
    return scale * curvature(block) if block.likelihood == "poisson" else scale


def _with_mean(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rows by group and, last, their mean weighted by measured values (group + 1, feature)."""
    return np.vstack([values, (values * counts).sum(axis=0) / counts.sum(axis=0)])
