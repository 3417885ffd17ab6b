"""Discriminant analysis on several blocks: sparse components of the blocks tied to the dummy-coded class.

One block is sparse PLS-DA (Lê Cao et al. 2011), several are DIABLO (Singh et al. 2019). The class is the last block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.stats.pls.block_components import count_found, find_components
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling, learn_study_scaling
from chiasma.stats.pls.sgcca import Block, Component, Mode, Rules, Scheme


class TooFewClassesError(InsufficientDataError, ValueError):
    """Fewer than two classes; also a ValueError, as scikit-learn expects of an estimator."""


@dataclass(frozen=True, eq=False)
class PlsdaRules:
    """How the model is fitted; `design` ties the data blocks to each other (block, block), the class is tied by 1."""

    n_components: int
    keep: Mapping[str, tuple[int, ...]]
    design: np.ndarray
    scheme: Scheme = "horst"
    mode: Mode = "regression"
    init: Literal["svd.single", "svd"] = "svd.single"
    scale: bool = True
    tolerance: float = 1e-6
    max_iterations: int = 100
    drop_near_zero: bool = False

    def of_component(self) -> Rules:
        """The rules of one component, the class appended to the design."""
        size = len(self.design) + 1
        design = np.ones((size, size))
        design[:-1, :-1] = self.design
        np.fill_diagonal(design, 0.0)
        return Rules(design, self.scheme, self.tolerance, self.max_iterations)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Scaled blocks and the dummy-coded class, ready for components.

    Attributes:
        names: of the data blocks.
        scaling: of each data block.
        blocks: data blocks, then the class.
        codes: class of each sample (sample,).
        y_scaling: mean and sd of the dummy columns (class,).
    """

    names: tuple[str, ...]
    scaling: dict[str, Scaling]
    blocks: tuple[Block, ...]
    codes: np.ndarray
    y_scaling: Scaling


@dataclass(frozen=True, eq=False)
class FittedBlock:
    """What one data block needs to predict, for any number of leading components.

    Attributes:
        scaling: learned from the train part.
        loadings: unit columns, zero where a feature is not selected (feature, component).
        variates: scores of the train part (sample, component).
        cross: variates' X loadings (component, component); inverts to the rotation of new samples.
        response: variates' Y, scaled classes (class, component).
        centroids: mean variates of each class (class, component).
        within: sum of squares and products of the variates around their class means (component, component).
    """

    scaling: Scaling
    loadings: np.ndarray
    variates: np.ndarray
    cross: np.ndarray
    response: np.ndarray
    centroids: np.ndarray
    within: np.ndarray


@dataclass(frozen=True, eq=False)
class BlockPlsda:
    """A fitted model.

    Attributes:
        blocks: by name.
        y_scaling: mean and sd of the dummy columns (class,).
        y_loadings: (class, component).
        y_variates: (sample, component).
        weights: correlation of each block's variate with the class's (block, component).
        n_samples: of the train part.
        iterations: sweeps of each component.
        converged: whether each component stood still.
        criterion: of each sweep of each component.
    """

    blocks: dict[str, FittedBlock]
    y_scaling: Scaling
    y_loadings: np.ndarray
    y_variates: np.ndarray
    weights: np.ndarray
    n_samples: int
    iterations: tuple[int, ...] = ()
    converged: tuple[bool, ...] = ()
    criterion: tuple[tuple[float, ...], ...] = field(default=())

    @property
    def n_components(self) -> int:
        """Components fitted."""
        return self.y_loadings.shape[1]

    @property
    def n_found(self) -> int:
        """Components that hold something; those after them are empty, the blocks having no more."""
        return count_found(block.variates for block in self.blocks.values())

    @property
    def n_classes(self) -> int:
        """Classes."""
        return self.y_loadings.shape[0]


def prepare(
    values: Mapping[str, np.ndarray],
    codes: np.ndarray,
    n_classes: int,
    rules: PlsdaRules,
    *,
    study: np.ndarray | None = None,
) -> Prepared:
    """Scale every block and dummy-code the class.

    Args:
        values: block name to (sample, feature), NaN where missing.
        codes: class of each sample, 0 .. n_classes - 1 (sample,).
        n_classes: classes, of which at least two must be present.
        rules: whether to scale and what to leave out.
        study: name of each sample's study (sample,): blocks and class are then scaled in each study by itself.

    Raises:
        TooFewClassesError: fewer than two classes are present.
    """
    present = np.unique(codes)
    if len(present) < 2:
        raise TooFewClassesError(
            "only one class is present", got=f"{len(present)} class", expected="two or more classes"
        )
    dummy = np.eye(n_classes)[codes]
    if study is None:
        scaling = {
            name: learn_scaling(block, scale=rules.scale, drop_near_zero=rules.drop_near_zero)
            for name, block in values.items()
        }
        y_scaling, response = learn_scaling(dummy, scale=rules.scale), dummy
    else:
        each = {
            name: learn_study_scaling(block, study, scale=rules.scale, drop_near_zero=rules.drop_near_zero)
            for name, block in values.items()
        }
        scaling = {name: found.pooled for name, found in each.items()}
        values = {name: each[name].bring(block, study, scale=rules.scale) for name, block in values.items()}
        of_class = learn_study_scaling(dummy, study, scale=rules.scale)
        y_scaling, response = of_class.pooled, of_class.bring(dummy, study, scale=rules.scale)
    blocks = [Block(*scaling[name].apply(block)) for name, block in values.items()]
    return Prepared(tuple(values), scaling, (*blocks, Block(*y_scaling.apply(response))), codes, y_scaling)


def keep_of(prepared: Prepared, rules: PlsdaRules, component: int) -> list[int]:
    """Features kept in each block at one component; all classes are kept."""
    kept = [rules.keep[name][component] for name in prepared.names]
    return [*kept, prepared.blocks[-1].values.shape[1]]


def assemble(prepared: Prepared, components: list[Component]) -> BlockPlsda:
    """The model that these components make."""
    codes, scaled_y = prepared.codes, prepared.blocks[-1].values
    n_classes = scaled_y.shape[1]
    counts = np.bincount(codes, minlength=n_classes)
    dummy = np.eye(n_classes)[codes]
    fitted = {}
    for index, name in enumerate(prepared.names):
        loadings = np.stack([component.loadings[index] for component in components], axis=1)
        variates = np.stack([component.variates[index] for component in components], axis=1)
        centroids = dummy.T @ variates / np.maximum(counts, 1)[:, None]
        around = variates - centroids[codes]
        fitted[name] = FittedBlock(
            prepared.scaling[name],
            loadings,
            variates,
            cross=variates.T @ (prepared.blocks[index].values @ loadings),
            response=scaled_y.T @ variates,
            centroids=centroids,
            within=around.T @ around,
        )
    y_variates = np.stack([component.variates[-1] for component in components], axis=1)
    weights = [[correlation(c.variates[q], c.variates[-1]) for c in components] for q in range(len(fitted))]
    return BlockPlsda(
        fitted,
        prepared.y_scaling,
        np.stack([component.loadings[-1] for component in components], axis=1),
        y_variates,
        np.array(weights),
        len(codes),
        tuple(component.iterations for component in components),
        tuple(component.converged for component in components),
        tuple(component.criterion for component in components),
    )


def fit_block_plsda(
    values: Mapping[str, np.ndarray],
    codes: np.ndarray,
    n_classes: int,
    rules: PlsdaRules,
    *,
    study: np.ndarray | None = None,
) -> BlockPlsda:
    """Fit all components; arguments as in `prepare`."""
    prepared = prepare(values, codes, n_classes, rules, study=study)
    keep = [keep_of(prepared, rules, index) for index in range(rules.n_components)]
    components = find_components(prepared.blocks, keep, rules.of_component(), mode=rules.mode, init=rules.init)
    return assemble(prepared, components)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation, 0 where either does not vary."""
    x, y = a - a.mean(), b - b.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0
