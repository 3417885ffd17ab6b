"""Feature vectors of the S/HIC family as a data set: a file a class to learn from, any file to predict on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InputError, MismatchError, UsageError, list_some
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.intervals import Intervals
from chiasma.data.simulated import Simulated
from chiasma.data.split import Split
from chiasma.io.fvec import FeatureVectors, find_fvec, read_fvec
from chiasma.split.make import make_split
from chiasma.stats.popgen.features import ROWS, WINDOWS, Statistics
from chiasma.workflow.fitting.options import FitOptions

_NAMES = {"neut": "neutral"}
"""Short name of a class in diploS/HIC and partialS/HIC."""
_UNREAD = ("nSLMean", "nSLMax", "nSLOutFrac")
"""Statistics that partialS/HIC writes and leaves out before it learns: with them a file has 92, without 89."""


@dataclass(frozen=True, eq=False)
class VectorTable:
    """Grids as they were read (example, statistic, window): what takes the place of a simulator's configuration."""

    values: np.ndarray


def stored_vector(source: VectorTable, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example as a simulator would give it."""
    return {"grid": source.values[index]}


def is_fvec(path: object) -> bool:
    """Whether a file's name says that it holds feature vectors."""
    return str(path).removesuffix(".gz").endswith(".fvec")


def load_vectors(config: Config, inputs: Mapping[str, Any], options: FitOptions) -> tuple[Dataset, Split | None]:
    """Examples of a folder of feature vectors, and the split where those to test on come in a folder of their own.

    Vectors to test on that are also learnt from are left out and counted.

    Args:
        config: of the method, whose folder has examples.py with `CLASSES` and `feature_set`.
        inputs: fvec, and where given test_fvec.
        options: split and seed.

    Raises:
        UsageError: only test_fvec is given.
        InputError: a class without a file, or a file without a class.
        MismatchError: vectors of other statistics or windows.
    """
    if inputs.get("fvec") is None:
        raise UsageError("vectors to test on, and none to learn from", where="--test-fvec", expected="--fvec FOLDER")
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    values, codes, skips = _read_folder(examples, config, inputs["fvec"])
    ids = [f"{examples.CLASSES[code]}:{number}" for number, code in enumerate(codes)]
    test_ids: list[str] = []
    if inputs.get("test_fvec") is not None:
        more, more_codes, more_skips = _read_folder(examples, config, inputs["test_fvec"])
        skips = tuple(dict.fromkeys((*skips, *more_skips)))
        learnt = {row.tobytes() for row in values}
        fresh = np.array([row.tobytes() not in learnt for row in more])
        if not fresh.all():
            skips += (Skip("vectors to test on that are also learnt from", int((~fresh).sum())),)
        if not fresh.any():
            raise InputError(
                "every vector to test on is also learnt from", where="--test-fvec", got=inputs["test_fvec"]
            )
        test_ids = [f"test:{examples.CLASSES[code]}:{number}" for number, code in enumerate(more_codes[fresh])]
        values, codes = np.concatenate([values, more[fresh]]), np.concatenate([codes, more_codes[fresh]])
        ids += test_ids
    # files hold one class each: batches of the first pass are to hold them all
    order = generator(options.seed, "feature-vectors").permutation(len(values))
    data = Dataset(
        ids=np.array(ids, object)[order],
        x=Simulated(stored_vector, VectorTable(values), options.seed, order),
        target=Target("multiclass", codes[order], examples.CLASSES),
        unit=np.arange(len(order)),
        unit_name="feature vector",
        skips=skips,
        notes={"statistics": f"by window, as read; {WINDOWS} windows", "source": "feature vectors"},
    )
    if not test_ids:
        return data, None
    return data, make_split(data, options.split.replace(seed=options.seed), test_ids=test_ids)


def _read_folder(examples: ModuleType, config: Config, folder: str) -> tuple[np.ndarray, np.ndarray, tuple[Skip, ...]]:
    """Grids (example, statistic, window) and class codes of a folder, and what is left out of its files."""
    classes: tuple[str, ...] = examples.CLASSES
    plain = {name.replace("_", ""): name for name in classes}
    found: dict[str, Path] = {}
    for stem, path in find_fvec(folder).items():
        word = stem.lower().replace("_", "")
        name = _NAMES.get(word, plain.get(word))
        if name is None or name in found:
            raise InputError(
                "feature vectors of an unknown class" if name is None else "a class has two files",
                where=folder,
                got=path.name,
                expected=", ".join(f"{one}.fvec" for one in classes),
                do="name each file after its class, one a class",
            )
        found[name] = path
    if missing := [name for name in classes if name not in found]:
        raise InputError(
            "classes without feature vectors",
            where=folder,
            got=list_some(found),
            expected=list_some(classes, most=9),
            do=f"add {list_some([f'{name}.fvec' for name in missing], most=9)}",
        )
    read = [_ordered(read_fvec(found[name]), examples.feature_set(config), found[name]) for name in classes]
    codes = np.repeat(np.arange(len(classes)), [len(values) for values, _ in read])
    skips = tuple(dict.fromkeys(skip for _, skips in read for skip in skips))
    return np.concatenate([values for values, _ in read]), codes, skips


def _ordered(vectors: FeatureVectors, statistics: Statistics, path: Path | str) -> tuple[np.ndarray, tuple[Skip, ...]]:
    """The grids with statistics in our order (example, statistic, window), and those of the file that are not read."""
    wanted = ROWS[statistics]
    unread = tuple(name for name in _UNREAD if name in vectors.names) if statistics == "partial" else ()
    named = set(vectors.names) - set(unread)
    if named != set(wanted) or vectors.values.shape[2] != WINDOWS:
        absent = [name for name in wanted if name not in named]
        raise MismatchError(
            "feature vectors of other statistics",
            where=path,
            got=f"{vectors.values.shape[2]} windows of {len(vectors.names)} statistics: {list_some(vectors.names)}",
            expected=f"{WINDOWS} windows of {len(wanted)} statistics: {list_some(absent or wanted)}",
            do=_fitting(statistics, named),
        )
    if not np.isfinite(vectors.values).all():
        wrong = np.flatnonzero(~np.isfinite(vectors.values).all(axis=(1, 2)))
        raise InputError(
            "feature vectors with values that are not finite",
            where=f"{path}, line {wrong[0] + 2}",
            got=f"{len(wrong):,} such lines of {len(vectors.values):,}",
            expected="a number for every statistic of every window",
            do="leave these regions out, or compute them again",
        )
    skips = (Skip("statistics that partialS/HIC computes and leaves out", len(unread), unread),) if unread else ()
    return vectors.values[:, [vectors.names.index(name) for name in wanted]], skips


def _fitting(statistics: Statistics, named: set[str]) -> str:
    """What reads statistics of these names, where there is something."""
    kind = next((kind for kind, rows in ROWS.items() if set(rows) == named - set(_UNREAD)), None)
    if kind is None or kind == statistics:
        return "make them with the tool of this method"
    if kind == "partial":
        return "these are partialS/HIC's: partialshic reads them"
    return (
        f"shic and diploshic read them, with --statistics {kind}" if statistics == "partial" else f"--statistics {kind}"
    )


def load_new_vectors(path: Path | str, config: Config, *, target: Target) -> tuple[Dataset, Intervals | None]:
    """Feature vectors to predict on, and their windows where the file has them.

    Raises:
        MismatchError: vectors of other statistics than the model was fitted to.
    """
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    vectors = read_fvec(path)
    values, skips = _ordered(vectors, examples.feature_set(config), path)
    names = np.array([f"line{number}" for number in range(2, len(values) + 2)], object)
    places = vectors.places
    if places is not None:
        if len(set(places.names)) == len(places):
            names = places.names
        places = replace(places, names=names)
    data = Dataset(
        ids=names,
        x=Simulated(stored_vector, VectorTable(values), 0, np.arange(len(values))),
        target=Target("none", np.zeros(0), target.names, target.unit),
        unit=np.arange(len(values)),
        unit_name="feature vector",
        skips=skips,
        notes={"statistics": f"by window, as read; {WINDOWS} windows"},
    )
    return data, places
