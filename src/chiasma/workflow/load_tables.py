"""Tables to a Dataset: samples matched by id across views and labels, all that is left out counted and named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some, unknown_name
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.data.split import Split
from chiasma.io.containers import over, read_h5mu
from chiasma.io.tables import orient, read_labels, read_matrix, split_column, suffix_of
from chiasma.workflow.groups import with_groups

Paths = Mapping[str, Path | str] | Path | str
FEW = 5
"""Names shown of what was skipped."""


def load_views(
    views: Paths,
    labels: Path | str,
    *,
    seed: int,
    test_views: Paths | None = None,
    test_labels: Path | str | None = None,
    groups: Path | str | None = None,
) -> tuple[Dataset, Split | None]:
    """Several matrices and the classes of their samples.

    Args:
        views: name to file, or one .h5mu file. Samples are rows; a file that has them in columns is turned, judged
            by the ids of the labels.
        labels: FILE or FILE:COLUMN.
        seed: recorded with a given split; nothing is drawn here.
        test_views: views of a test set already chosen; views that it lacks are NaN.
        test_labels: its classes.
        groups: FILE or FILE:COLUMN, what samples belong together (patient, study); they are then one unit.

    Returns:
        Dataset with Views, and a Split of kind "given" if there is a test set. A sample of the train part is in
        every view and has a label; one of the test set has a label and at least one view. The others are skipped,
        by reason, as are samples that are the only one of their class and test samples of a class never seen.

    Raises:
        MismatchError: ids that match nowhere, test samples that are also train samples, features that differ.
        InsufficientDataError: fewer than two classes.
        UsageError: half of a test set.
    """
    known = read_labels(labels)
    skips: list[Skip] = []
    blocks, notes = _read_views(views, known)
    ids = _in_all(blocks, known, skips)
    ids = _without_singletons(ids, known, skips)
    names = _class_names(known[name] for name in ids)
    train = Views({name: over(block, ids) for name, block in blocks.items()})
    notes |= _describe(train)
    if test_views is None and test_labels is None:
        return _grouped(_dataset(train, [known[name] for name in ids], names, skips, notes), groups), None
    if test_views is None or test_labels is None:
        raise UsageError("half of a test set", expected="both --test-view (or --test-matrix) and --test-labels")
    test_known = read_labels(test_labels)
    test_blocks, _ = _read_views(test_views, test_known)
    test_blocks = _match_features(test_blocks, blocks, skips)
    test_ids = _in_any(test_blocks, test_known, skips)
    if shared := sorted(set(ids) & set(test_ids)):
        raise MismatchError(
            f"{len(shared)} samples are in the train and in the test set",
            got=list_some(shared),
            expected="each sample once",
            do="remove them from one of the two: a model is not tested on what it was fitted to",
        )
    test_ids = _of_known_class(test_ids, test_known, names, skips)
    absent = [name for name in blocks if name not in test_blocks]
    notes["views absent from the test set"] = absent
    both = np.concatenate([ids, test_ids])
    whole = {}
    for name, block in train.blocks.items():
        lower = np.full((len(test_ids), len(block.features)), np.nan)
        if name in test_blocks:
            lower = over(test_blocks[name], test_ids).values
        whole[name] = Matrix(np.concatenate([block.values, lower]), both, block.features)
    classes = [known[name] for name in ids] + [test_known[name] for name in test_ids]
    part = np.repeat(np.asarray(["train", "test"], dtype=object), [len(ids), len(test_ids)])
    split = Split("given", both, part, {"test_labels": str(test_labels), "seed": seed})
    return _grouped(_dataset(Views(whole), classes, names, skips, notes), groups), split


def load_matrix(
    matrix: Path | str,
    labels: Path | str,
    *,
    seed: int,
    test_matrix: Path | str | None = None,
    test_labels: Path | str | None = None,
    groups: Path | str | None = None,
) -> tuple[Dataset, Split | None]:
    """One matrix and the classes of its samples; everything as in `load_views`."""
    test = None if test_matrix is None else {"matrix": test_matrix}
    dataset, split = load_views(
        {"matrix": matrix}, labels, seed=seed, test_views=test, test_labels=test_labels, groups=groups
    )
    assert isinstance(dataset.x, Views)
    only = next(iter(dataset.x.blocks.values()))
    return _replace_x(dataset, only), split


def load_new(inputs: Mapping[str, Any], *, target: Target, data: str) -> Dataset:
    """Samples without classes, for prediction.

    Args:
        inputs: `view` (name to file, or an .h5mu) or `matrix`, or `input` for the first of them; `test_view` and
            `test_matrix` are understood as well.
        target: of the fitted model: names of its outputs.
        data: "views" or "matrix".

    Returns:
        Dataset over the union of the samples; a sample that lacks a view has NaN there.
    """
    keys = ("view", "test_view", "input") if data == "views" else ("matrix", "test_matrix", "input")
    given = next((inputs[key] for key in keys if inputs.get(key) is not None), None)
    if given is None:
        raise UsageError("no input", expected=f"--{keys[0]} {'NAME=' if data == 'views' else ''}FILE")
    if data == "matrix":
        path = next(iter(given.values())) if isinstance(given, Mapping) else given
        blocks = {"matrix": read_matrix(path)}
    else:
        if not isinstance(given, Mapping) and suffix_of(given) != ".h5mu":
            raise UsageError("a view needs its name", got=given, expected="--view NAME=FILE, or one .h5mu file")
        blocks, _ = _read_views(given, None)
    ids = _union(blocks)
    views = Views({name: over(block, ids) for name, block in blocks.items()})
    x = views if data == "views" else views.blocks["matrix"]
    unlabelled = Target("none", np.zeros(0), target.names, target.unit)
    return Dataset(ids, x, unlabelled, np.arange(len(ids)), "sample")


def _read_views(paths: Paths, known: Mapping[str, str] | None) -> tuple[dict[str, Matrix], dict[str, Any]]:
    """Every view, samples in rows; the notes name those that were turned."""
    if not isinstance(paths, Mapping):
        paths = {Path(paths).stem: paths}
    if not paths:
        raise UsageError("no view", expected="--view NAME=FILE, once or more")
    blocks: dict[str, Matrix] = {}
    turned = []
    for name, path in paths.items():
        if suffix_of(path) == ".h5mu":
            inside = read_h5mu(path).blocks
            blocks |= {key: block.take(~np.isnan(block.values).all(axis=1)) for key, block in inside.items()}
            continue
        block = read_matrix(path)
        if known is not None:
            block, was_turned = orient(block, known)
            turned += [name] * was_turned
        blocks[name] = block
    if known is not None:
        for name, block in blocks.items():
            _require_common(name, block, known)
    return blocks, {"views turned (samples were in columns)": turned} if turned else {}


def _require_common(name: str, block: Matrix, known: Mapping[str, str]) -> None:
    if not any(sample in known for sample in block.samples):
        raise MismatchError(
            "no sample id of the matrix is among the labels",
            where=f"view {name}",
            got=f"matrix: {list_some(block.samples, most=3)}",
            expected=f"labels: {list_some(known, most=3)}",
            do="make the first columns of both files hold the same ids",
        )


def _union(blocks: Mapping[str, Matrix]) -> np.ndarray:
    order = dict.fromkeys(sample for block in blocks.values() for sample in block.samples)
    return np.asarray(list(order), dtype=object)


def _skip(skips: list[Skip], reason: str, names: Iterable[str]) -> None:
    listed = [str(name) for name in names]
    if listed:
        skips.append(Skip(reason, len(listed), tuple(listed[:FEW])))


def _in_all(blocks: Mapping[str, Matrix], known: Mapping[str, str], skips: list[Skip]) -> np.ndarray:
    everyone = _union(blocks)
    have = {name: set(block.samples[~np.isnan(block.values).all(axis=1)]) for name, block in blocks.items()}
    _skip(skips, "no label", [name for name in everyone if name not in known])
    _skip(skips, "a label, but in no view", [name for name in known if name not in set(everyone)])
    labelled = [name for name in everyone if name in known]
    for view, members in have.items():
        _skip(skips, f"not measured in view {view}", [name for name in labelled if name not in members])
    complete = [name for name in labelled if all(name in members for members in have.values())]
    if not complete:
        raise MismatchError(
            "no sample is in every view",
            got="; ".join(f"{name}: {list_some(block.samples, most=2)}" for name, block in blocks.items()),
            expected="the same sample ids in all views",
        )
    return np.asarray(complete, dtype=object)


def _in_any(blocks: Mapping[str, Matrix], known: Mapping[str, str], skips: list[Skip]) -> np.ndarray:
    everyone = _union(blocks)
    _skip(skips, "test sample without a label", [name for name in everyone if name not in known])
    _skip(skips, "test label, but in no view", [name for name in known if name not in set(everyone)])
    return np.asarray([name for name in everyone if name in known], dtype=object)


def _without_singletons(ids: np.ndarray, known: Mapping[str, str], skips: list[Skip]) -> np.ndarray:
    classes, counts = np.unique([known[name] for name in ids], return_counts=True)
    alone = {str(name) for name, count in zip(classes, counts) if count == 1}
    for name in sorted(alone):
        _skip(skips, f"the only sample of its class ({name})", [key for key in ids if known[key] == name])
    return np.asarray([name for name in ids if known[name] not in alone], dtype=object)


def _of_known_class(ids: np.ndarray, known: Mapping[str, str], names: Sequence[str], skips: list[Skip]) -> np.ndarray:
    strange = [name for name in ids if known[name] not in names]
    for label in sorted({known[name] for name in strange}):
        reason = f"test sample of a class that the train set lacks ({label})"
        _skip(skips, reason, [name for name in strange if known[name] == label])
    kept = [name for name in ids if known[name] in names]
    if not kept:
        raise MismatchError(
            "no test sample is of a class of the train set",
            got=list_some(sorted({known[name] for name in ids}) or ["no labelled test sample"]),
            expected=", ".join(names),
        )
    return np.asarray(kept, dtype=object)


def _class_names(labels: Iterable[str]) -> tuple[str, ...]:
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise InsufficientDataError(
            "only one class is present",
            got=", ".join(names) or "none",
            expected="two or more classes with two or more samples each",
            do="choose another label column with FILE:COLUMN",
        )
    return names


def _match_features(test: dict[str, Matrix], train: Mapping[str, Matrix], skips: list[Skip]) -> dict[str, Matrix]:
    """Test views with the train views' features in their order; those a test view lacks are NaN, counted."""
    matched = {}
    for name, block in test.items():
        if name not in train:
            raise unknown_name("view of the test set", name, train)
        want = train[name].features
        place = {feature: column for column, feature in enumerate(block.features)}
        have = [feature in place for feature in want]
        if not any(have):
            raise MismatchError(
                "no feature of the test view is one of the train view",
                where=f"view {name}",
                got=list_some(block.features, most=3),
                expected=list_some(want, most=3),
            )
        _skip(skips, f"feature of view {name} that the test set lacks (missing there)", want[~np.array(have)])
        extra = [feature for feature in block.features if feature not in set(want)]
        _skip(skips, f"feature of test view {name} that the train set lacks", extra)
        values = np.full((len(block), len(want)), np.nan)
        values[:, have] = block.values[:, [place[feature] for feature in want[have]]]
        matched[name] = Matrix(values, block.samples, want)
    return matched


def _describe(views: Views) -> dict[str, Any]:
    """Facts for the report: sizes, missing values, constant features of the train part."""
    notes: dict[str, Any] = {}
    for name, block in views.blocks.items():
        lowest, highest = np.fmin.reduce(block.values), np.fmax.reduce(block.values)
        constant = block.features[~(highest > lowest)]
        notes[f"view {name}"] = {
            "samples": len(block),
            "features": len(block.features),
            "missing values": int(np.isnan(block.values).sum()),
            "constant features": len(constant),
            "named": [str(feature) for feature in constant[:FEW]],
        }
    return notes


def _dataset(
    x: Views, labels: Sequence[str], names: tuple[str, ...], skips: list[Skip], notes: dict[str, Any]
) -> Dataset:
    code = {name: index for index, name in enumerate(names)}
    values = np.asarray([code[label] for label in labels], dtype=np.int64)
    target = Target("binary" if len(names) == 2 else "multiclass", values, names)
    return Dataset(x.samples, x, target, np.arange(len(values)), "sample", {}, tuple(skips), notes)


def _grouped(dataset: Dataset, groups: Path | str | None) -> Dataset:
    if groups is None:
        return dataset
    name = split_column(groups)[1] or "group"
    return with_groups(dataset, read_labels(groups), where=groups, name=name)


def _replace_x(dataset: Dataset, x: Matrix) -> Dataset:
    return Dataset(
        dataset.ids,
        x,
        dataset.target,
        dataset.unit,
        dataset.unit_name,
        dataset.columns,
        dataset.skips,
        dataset.notes,
    )
