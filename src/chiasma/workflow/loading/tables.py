"""Tables to a Dataset: samples matched by id across views and labels, all that is left out counted and named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some, unknown_name
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.matrix import Matrix, Views, side_by_side
from chiasma.data.split import Split
from chiasma.io.containers import over, read_h5mu
from chiasma.io.tables import CONTAINERS, orient, read_labels, read_matrix, split_column, suffix_of
from chiasma.workflow.loading.groups import with_groups

Paths = Mapping[str, Path | str] | Path | str
FEW = 5
"""Names shown of what was skipped."""
WITHOUT_VIEW = "samples without view"
"""How the notes begin that count and name samples kept although a view did not measure them."""


def load_views(
    views: Paths,
    labels: Path | str | None = None,
    *,
    seed: int,
    test_views: Paths | None = None,
    test_labels: Path | str | None = None,
    groups: Path | str | None = None,
    study: Path | str | None = None,
    partial: bool = False,
) -> tuple[Dataset, Split | None]:
    """Several matrices, and the classes of their samples where there are any.

    Args:
        views: name to file, or one .h5mu file. Samples are rows; a file that has them in columns is turned, judged
            by the ids of the labels, without labels by those of the other views.
        labels: FILE or FILE:COLUMN; None leaves the samples without a target.
        seed: recorded with a given split; nothing is drawn here.
        test_views: views of a test set already chosen; views that it lacks are NaN.
        test_labels: its classes; None where there are no labels.
        groups: FILE or FILE:COLUMN, what samples belong together (patient, study); they are then one unit.
        study: FILE or FILE:COLUMN, read elsewhere; here only so that its column is no feature of the same file.
        partial: whether a sample of the train part may lack views.

    Returns:
        Dataset with Views, and a Split of kind "given" if there is a test set. A sample of the train part is in
        every view (in any, if `partial`) and has a label where there are labels; one of the test set has a label and
        at least one view. The others are skipped, by reason, as are samples that are the only one of their class and
        test samples of a class never seen.

    Raises:
        MismatchError: ids that match nowhere, test samples that are also train samples, features that differ.
        InsufficientDataError: fewer than two classes.
        UsageError: half of a test set.
    """
    known = None if labels is None else read_labels(labels)
    skips: list[Skip] = []
    blocks, notes = _read_views(views, known)
    blocks = _without_answers(blocks, views, (labels, groups, study), skips)
    ids = _members(blocks, known, skips, partial=partial)
    names: tuple[str, ...] = ()
    if known is not None:
        ids = _without_singletons(ids, known, skips)
        names = _class_names(known[name] for name in ids)
    train = Views({name: over(block, ids) for name, block in blocks.items()})
    notes |= _describe(train)
    if test_views is None and test_labels is None:
        return _grouped(_dataset(train, known, names, skips, notes), groups), None
    if test_views is None or (test_labels is None) != (labels is None):
        expected = "both --test-view (or --test-matrix) and --test-labels"
        got = "test labels, but no --labels" if labels is None else None
        raise UsageError("half of a test set", got=got, expected=expected if labels is not None else "no --test-labels")
    test, test_known = _test_set(test_views, test_labels, blocks, skips)
    test_ids = np.asarray([sample for sample in _union(test)], dtype=object)
    if test_known is not None:
        test_ids = _in_any(test, test_known, skips)
    _require_apart(ids, test_ids)
    if test_known is not None:
        test_ids = _of_known_class(test_ids, test_known, names, skips)
        known = {**(known or {}), **{name: test_known[name] for name in test_ids}}
    notes["views absent from the test set"] = [name for name in blocks if name not in test]
    both = np.concatenate([ids, test_ids])
    whole = {}
    for name, block in train.blocks.items():
        lower = np.full((len(test_ids), len(block.features)), np.nan)
        if name in test:
            lower = over(test[name], test_ids).values
        whole[name] = Matrix(np.concatenate([block.values, lower]), both, block.features)
    part = np.repeat(np.asarray(["train", "test"], dtype=object), [len(ids), len(test_ids)])
    made = {"seed": seed} if test_labels is None else {"test_labels": str(test_labels), "seed": seed}
    dataset = _dataset(Views(whole), known, names, skips, notes)
    return _grouped(dataset, groups), Split("given", both, part, made)


def load_matrix(
    matrix: Path | str,
    labels: Path | str | None = None,
    *,
    seed: int,
    test_matrix: Path | str | None = None,
    test_labels: Path | str | None = None,
    groups: Path | str | None = None,
    study: Path | str | None = None,
) -> tuple[Dataset, Split | None]:
    """One matrix and the classes of its samples, if any; everything as in `load_views`."""
    test = None if test_matrix is None else {"matrix": test_matrix}
    dataset, split = load_views(
        {"matrix": matrix}, labels, seed=seed, test_views=test, test_labels=test_labels, groups=groups, study=study
    )
    assert isinstance(dataset.x, Views)
    only = next(iter(dataset.x.blocks.values()))
    return replace(dataset, x=only), split


def load_new(inputs: Mapping[str, Any], *, target: Target, data: str, needs: str = "nothing") -> Dataset:
    """Samples without classes, for prediction.

    Args:
        inputs: `view` (name to file, or an .h5mu) or `matrix`, or `input` for the first of them; `test_view` and
            `test_matrix` are understood as well.
        target: of the fitted model: names of its outputs.
        data: "views" or "matrix".
        needs: what a sample must have, else it is skipped: "nothing", "any" (a value in some view) or "all" (one in
            each view that is given).

    Returns:
        Dataset over the union of the samples; a sample that lacks a view has NaN there.
    """
    keys = ("view", "test_view", "input") if data == "views" else ("matrix", "test_matrix", "input", "view")
    given = next((inputs[key] for key in keys if inputs.get(key) is not None), None)
    if given is None:
        raise UsageError("no input", expected=f"--{keys[0]} {'NAME=' if data == 'views' else ''}FILE")
    if data == "matrix" and not isinstance(given, Mapping):
        blocks = {"matrix": read_matrix(given)}
    else:
        if not isinstance(given, Mapping) and suffix_of(given) != ".h5mu":
            raise UsageError("a view needs its name", got=given, expected="--view NAME=FILE, or one .h5mu file")
        blocks, _ = _read_views(given, None)
    skips: list[Skip] = []
    ids = _union(blocks) if needs == "nothing" else _members(blocks, None, skips, partial=needs == "any")
    views = Views({name: over(block, ids) for name, block in blocks.items()})
    x = views if data == "views" else side_by_side(views)
    unlabelled = Target("none", np.zeros(0), target.names, target.unit)
    return Dataset(ids, x, unlabelled, np.arange(len(ids)), "sample", skips=tuple(skips))


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
        blocks[name] = read_matrix(path)
    for name in [name for name in paths if name in blocks]:
        ids = _ids_of_the_others(name, blocks) if known is None else known
        blocks[name], was_turned = orient(blocks[name], ids)
        turned += [name] * was_turned
    if known is not None:
        for name, block in blocks.items():
            _require_common(name, block, known)
    return blocks, {"views turned (samples were in columns)": turned} if turned else {}


def _without_answers(
    blocks: dict[str, Matrix], paths: Paths, specs: Sequence[Path | str | None], skips: list[Skip]
) -> dict[str, Matrix]:
    """The views without columns that are read as labels, groups or studies from the very same file: no measurements.

    Raises:
        UsageError: a view has nothing else.
    """
    files = {name: Path(path).resolve() for name, path in paths.items()} if isinstance(paths, Mapping) else {}
    found = dict(blocks)
    for path, column in (split_column(spec) for spec in specs if spec is not None):
        if suffix_of(path) in CONTAINERS:  # their labels are columns of obs, not features
            continue
        for name in [name for name, file in files.items() if name in found and file == path.resolve()]:
            # FILE without a column has only one beside the ids, or its reader has refused it.
            keep = found[name].features != column if column is not None else np.zeros(len(found[name].features), bool)
            if not keep.any():
                raise UsageError(
                    "this view holds the labels, groups or studies and nothing else",
                    where=f"view {name}",
                    got=path,
                    expected="a table of measurements",
                    do="leave the view out",
                )
            if not keep.all():
                found[name] = found[name].take_features(np.flatnonzero(keep))
                _skip(skips, f"column of {name} that holds the labels, groups or studies: no feature", [str(column)])
    return found


def _ids_of_the_others(name: str, blocks: Mapping[str, Matrix]) -> set[str]:
    """Without labels, what may be called a sample: the view's own rows, unless the rows of another view are its columns
    and no view shares a row with it. Where all views have their samples in columns, those columns are shared.
    """
    own = blocks[name]
    rows, columns = set(own.samples), set(own.features)
    others = [block for key, block in blocks.items() if key != name]
    if any(rows & set(other.samples) for other in others):
        return rows
    of_rows = {sample for other in others for sample in other.samples if sample in columns}
    of_columns = {feature for other in others for feature in other.features if feature in columns}
    return of_rows or of_columns or rows


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


def _members(
    blocks: Mapping[str, Matrix], known: Mapping[str, str] | None, skips: list[Skip], *, partial: bool
) -> np.ndarray:
    """Samples that have a label, where there are labels, and are measured in every view, or in any if `partial`."""
    everyone = _union(blocks)
    have = {name: set(block.samples[~np.isnan(block.values).all(axis=1)]) for name, block in blocks.items()}
    if known is not None:
        _skip(skips, "no label", [name for name in everyone if name not in known])
        _skip(skips, "a label, but in no view", [name for name in known if name not in set(everyone)])
    labelled = [name for name in everyone if known is None or name in known]
    measured = set().union(*have.values())
    if partial:
        _skip(skips, "no value in any view", [name for name in labelled if name not in measured])
        kept = [name for name in labelled if name in measured]
    else:
        for view, members in have.items():
            reason = f"not measured in view {view}" if len(have) > 1 else "no value in its row"
            _skip(skips, reason, [name for name in labelled if name not in members])
        kept = [name for name in labelled if all(name in members for members in have.values())]
    if not kept:
        got = "; ".join(f"{name}: {list_some(block.samples, most=2)}" for name, block in blocks.items())
        if len(have) > 1 and not partial and measured:
            raise MismatchError("no sample is in every view", got=got, expected="the same sample ids in all views")
        raise MismatchError(
            "no sample has a value",
            got=f"{got}: {len(labelled)} samples, every value missing",
            expected="one measured value or more in a row",
            do="look whether the file holds numbers, and how it marks what is missing",
        )
    return np.asarray(kept, dtype=object)


def _test_set(
    views: Paths, labels: Path | str | None, train: Mapping[str, Matrix], skips: list[Skip]
) -> tuple[dict[str, Matrix], dict[str, str] | None]:
    """Views of the test set with the features of the train views, and its labels; empty samples are skipped."""
    known = None if labels is None else read_labels(labels)
    blocks, _ = _read_views(views, known)
    if known is None:
        blocks = {name: _turned_by_features(name, block, train) for name, block in blocks.items()}
    blocks = _match_features(blocks, train, skips)
    if known is None:
        measured = [name for b in blocks.values() for name in b.samples[~np.isnan(b.values).all(axis=1)]]
        empty = [name for name in _union(blocks) if name not in set(measured)]
        _skip(skips, "test sample without a value in any view", empty)
        blocks = {name: block.take(~np.isin(block.samples, empty)) for name, block in blocks.items()}
    return blocks, known


def _turned_by_features(name: str, block: Matrix, train: Mapping[str, Matrix]) -> Matrix:
    """A test view with samples in rows: turned where its rows, and not its columns, are the train view's features."""
    wanted = set(train[name].features) if name in train else set()
    if wanted & set(block.features) or not wanted & set(block.samples):
        return block
    return Matrix(np.ascontiguousarray(block.values.T), block.features, block.samples)


def _require_apart(train: np.ndarray, test: np.ndarray) -> None:
    if shared := sorted(set(train) & set(test)):
        raise MismatchError(
            f"{len(shared)} samples are in the train and in the test set",
            got=list_some(shared),
            expected="each sample once",
            do="remove them from one of the two: a model is not tested on what it was fitted to",
        )


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
    x: Views, known: Mapping[str, str] | None, names: tuple[str, ...], skips: list[Skip], notes: dict[str, Any]
) -> Dataset:
    target = Target("none", np.zeros(0), ())
    if known is not None:
        code = {name: index for index, name in enumerate(names)}
        values = np.asarray([code[known[name]] for name in x.samples], dtype=np.int64)
        target = Target("binary" if len(names) == 2 else "multiclass", values, names)
    for view, present in x.present().items():
        if not present.all():
            absent = [str(name) for name in x.samples[~present]]
            named = ", ".join([*absent[:FEW], *["..."] * (len(absent) > FEW)])
            notes = {**notes, f"{WITHOUT_VIEW} {view}": f"{len(absent)} ({named})"}
    return Dataset(x.samples, x, target, np.arange(len(x)), "sample", {}, tuple(skips), notes)


def _grouped(dataset: Dataset, groups: Path | str | None) -> Dataset:
    if groups is None:
        return dataset
    name = split_column(groups)[1] or "group"
    return with_groups(dataset, read_labels(groups), where=groups, name=name)
