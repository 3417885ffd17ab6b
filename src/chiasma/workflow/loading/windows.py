"""Real windows as a method that learnt from simulations reads them: whole regions, runs of windows, feature vectors."""

from __future__ import annotations

from importlib import import_module

from chiasma.core.config import Config
from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.intervals import Intervals
from chiasma.workflow.loading.feature_vectors import is_fvec, load_new_vectors
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.haplotypes import load_haplotypes
from chiasma.workflow.loading.scan import load_scan


def read_windows(
    path: str, config: Config, *, target: Target, choice: GenotypeChoice, seed: int
) -> tuple[Dataset, Intervals | None]:
    """Windows of genotypes for a method, and where they lie; a classifier of grids reads feature vectors too.

    Args:
        path: genotypes of any format, or .fvec.
        config: of the method.
        target: what it predicts.
        choice: what to read of the genotypes, and what else is known of them.
        seed: of the haplotypes drawn, where there are more than were simulated.

    Raises:
        UsageError: something is told of the genotypes, and feature vectors are given.
        InputError, InsufficientDataError: as `load_haplotypes` and `load_scan`.
    """
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    if not hasattr(examples, "feature_set"):
        return load_haplotypes(path, config, target=target, choice=choice, seed=seed)
    if not is_fvec(path):
        return load_scan(path, config, target=target, choice=choice, seed=seed)
    if choice != type(choice)():
        raise UsageError("feature vectors hold no genotypes", where=path, do="leave region, samples, mask and map out")
    return load_new_vectors(path, config, target=target)
