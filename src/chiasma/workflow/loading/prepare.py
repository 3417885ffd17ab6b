"""From files to a Dataset and its Split: one loader for each kind of data that cards name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chiasma.core.cards import Card, Port
from chiasma.core.checks import require_valid
from chiasma.core.config import Config
from chiasma.core.errors import InsufficientDataError, UsageError, list_some, unknown_name
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.genomes import Genomes
from chiasma.data.matrix import Matrix, Views, side_by_side
from chiasma.data.split import Split
from chiasma.data.tracks import Tracks
from chiasma.fit.clock import usable_cores
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.adaptation import adapts, load_real
from chiasma.workflow.loading.genetic_maps import check_maps
from chiasma.workflow.loading.groups import add_study
from chiasma.workflow.predicting.predictions import LABEL

Inputs = Mapping[str, Any]
_WORDS = {"negatives": ("shuffled", "genome"), "squash": ("old", "new"), "adapt_ancestral": ("AA",)}
"""Values of an input that are words and not files."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data ready to be fitted; `real` are windows without a target that a network is adapted to, and their split."""

    dataset: Dataset
    split: Split
    real: Prepared | None = None


def check_inputs(card: Card, inputs: Inputs) -> dict[str, Any]:
    """The inputs with names as on the card; unknown ones refused, required ones demanded, files found.

    Raises:
        UsageError: a name the card does not have, a required one left out, a file that does not exist.
    """
    if card.data == "matrix" and inputs.get("view") is not None:  # one view of several, or all side by side
        card = reading_views(card)
    ports = {port.name.replace("-", "_"): port for port in card.inputs}
    given = {name.replace("-", "_"): value for name, value in inputs.items() if value is not None}
    for name in given:
        if name not in ports:
            raise unknown_name(f"input of {card.name}", name, ports)
        if ports[name].predict_only:
            raise UsageError(
                f"{card.name} does not learn from this input: it is read by predict",
                where=f"--{ports[name].name}",
                got=given[name],
                do=f"fit without it ('chiasma fit {card.name} -o RUN'), then 'chiasma predict RUN {given[name]}'",
            )
    missing = [port.name for name, port in ports.items() if port.required and name not in given]
    if missing:
        flags = " ".join(f"--{name} {'NAME=' if ports[name.replace('-', '_')].repeat else ''}FILE" for name in missing)
        raise UsageError(f"{card.name} needs more input", expected=flags, do=f"see 'chiasma show {card.name}'")
    for name, value in given.items():
        for path in value.values() if isinstance(value, Mapping) else [value]:
            _require_file(name, str(path))
    return given


def reading_views(card: Card) -> Card:
    """The card of a method of one matrix with views among its inputs in the matrix's place."""

    def turned(port: Port) -> Port:
        name = port.name.replace("matrix", "view")
        return port if name == port.name else port.replace(name=name, repeat=True)

    return card.replace(inputs=tuple(turned(port) for port in card.inputs)) if card.data == "matrix" else card


def _require_file(name: str, value: str) -> None:
    if value in _WORDS.get(name, ()) or value == "-":
        return
    stem = value if os.path.exists(value) else value.rpartition(":")[0]
    if not os.path.exists(stem or value):
        raise UsageError(
            "no such file",
            where=f"--{name.replace('_', '-')}",
            got=value,
            expected=" or ".join(["a file", *_WORDS.get(name, ())]),
            do="check the path",
        )


def prepare(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> Prepared:
    """Read the inputs and divide them.

    Raises:
        InputError: all that is wrong with the data, or a split with an empty part.
    """
    dataset, split = _LOADERS[card.data](card, config, inputs, options)
    dataset = add_study(dataset, card, inputs)
    if options.views:
        dataset, split = _only_views(dataset, split, options.views)
    if card.data == "matrix" and isinstance(dataset.x, Views):
        dataset = replace(dataset, x=side_by_side(dataset.x))
    if split is not None and split.kind != "none" and isinstance(dataset.x, Matrix | Views):
        _require_measured(dataset, split)
    alone = card.transductive or options.undivided
    if card.represents and (alone or not {"binary", "multiclass"} & set(card.targets)):
        dataset = _without_target(dataset)
    if dataset.target.kind not in card.targets:
        raise UsageError(
            f"{card.name} cannot predict this kind of target",
            got=f"{dataset.target.kind} ({', '.join(dataset.target.names[:4])})",
            expected=" or ".join(card.targets),
        )
    require_valid(dataset, do="see the message; 'chiasma audit' on the same files lists more")
    if alone:
        return Prepared(dataset, _undivided(card, dataset, split))
    if split is not None and split.kind == "none":  # two sets of cells without types: nothing is foreseen
        return Prepared(dataset, split)
    if split is None:
        from chiasma.split.make import make_split

        asked = options.split.replace(seed=options.seed)
        if dataset.target.kind == "none" and card.represents:
            asked = asked.replace(valid=0.0, calibration=0.0)  # nothing is stopped, tuned or calibrated there
        if isinstance(dataset.x, Tracks | Genomes):
            asked = asked.replace(calibration=0.0)  # sets for bins along a window are not made
        split = make_split(of_examples(dataset), asked, test_ids=_test_ids(options))
    if not split.proof:
        from chiasma.split.proof import prove_with_shares

        proof, share = prove_with_shares(dataset, split.part, kind=split.kind, parameters=split.parameters)
        split = replace(split, proof=proof, nearest_share=share)
    require_valid(split, where="split", do="choose another --split, or other test chromosomes or fractions")
    _require_classes(dataset, split)
    return Prepared(_resampled_by_block(dataset, split), split, _real(config, inputs, dataset.target, options))


def _real(config: Config, inputs: Inputs, target: Target, options: FitOptions) -> Prepared | None:
    """Real windows, where a network is to be adapted to them."""
    if not adapts(inputs):
        return None
    return Prepared(*load_real(config, inputs, target, seed=options.seed))


def of_examples(dataset: Dataset) -> Dataset:
    """The dataset with one value an example and output, where its targets lie along windows."""
    if not isinstance(dataset.x, Tracks | Genomes):
        return dataset
    from chiasma.workflow.loading.tracks import coverage_summary

    return coverage_summary(dataset)


def _only_views(dataset: Dataset, split: Split | None, wanted: tuple[str, ...]) -> tuple[Dataset, Split | None]:
    """The dataset with some of its views; samples without a value in any of them are left out, counted and named.

    Raises:
        UsageError: the data are no views, or there is no such view.
    """
    if not isinstance(dataset.x, Views):
        raise UsageError("views can be chosen among several views only", where="--views", got=" ".join(wanted))
    for name in wanted:
        if name not in dataset.x.blocks:
            raise unknown_name("view", name, dataset.x.blocks)
    from chiasma.workflow.loading.tables import FEW

    chosen = replace(dataset, x=Views({name: dataset.x.blocks[name] for name in wanted}))
    kept = np.any([~np.isnan(dataset.x.blocks[name].values).all(axis=1) for name in wanted], axis=0)
    if kept.all() or (split is not None and not kept[split.where("test")].any()):  # the latter is an error of its own
        return chosen, split
    names = [str(name) for name in dataset.ids[~kept]]
    skip = Skip("no value in any of the chosen views", len(names), tuple(names[:FEW]))
    if split is not None:
        split = replace(split, ids=split.ids[kept], part=split.part[kept])
    return replace(chosen.take(kept), skips=(*dataset.skips, skip)), split


def _require_measured(dataset: Dataset, split: Split) -> None:
    """A given test set must have a value in the views that are learnt from."""
    rows = [dataset.x] if isinstance(dataset.x, Matrix) else list(dataset.x.blocks.values())  # type: ignore[union-attr]
    test = split.where("test")
    if not all(np.isnan(block.values[test]).all() for block in rows):
        return
    raise InsufficientDataError(
        "the test set has no value in the views that are learnt from",
        where="test set",
        got=list_some(dataset.notes.get("views absent from the test set", [])) + " absent",
        do="choose other views, or leave the test set out: a part of the samples is then held out",
    )


def _without_target(dataset: Dataset) -> Dataset:
    """The dataset of a method that takes no classes: those given are kept beside the samples, as column `label`."""
    if dataset.target.kind == "none":
        return dataset
    names = np.asarray(dataset.target.names, dtype=object)
    columns = {**dataset.columns, LABEL: names[dataset.target.values]}
    return replace(dataset, target=Target("none", np.zeros(0), ()), columns=columns)


def _undivided(card: Card, dataset: Dataset, given: Split | None) -> Split:
    """All samples in one part, for a method that places no samples but those of its fit, or where that is asked.

    Raises:
        UsageError: a test set was given, or the method has a target.
    """
    if not card.represents:
        raise UsageError(
            f"{card.name} has a target: figures of the samples it learnt from say nothing", got="undivided"
        )
    if given is not None:
        raise UsageError(
            "no sample is held out: the method places the samples it is fitted to",
            got="a test set",
            do="leave the test set out, or give all samples in one file",
        )
    why = "the method places the samples of its fit only, and the scores are of those"
    warning = f"no part was held out: {why if card.transductive else 'as asked; the scores are of the fit itself'}"
    return Split("none", dataset.ids, np.full(len(dataset), "train", dtype=object), {}, warnings=(warning,))


def _resampled_by_block(dataset: Dataset, split: Split) -> Dataset:
    """The dataset with kin as units, where the split found kin: examples of a cluster are not independent."""
    column = str(split.parameters.get("column", "group"))
    names = {"homology": "homology cluster", "group": dataset.unit_name if column == "group" else column}
    if split.blocks is None or split.kind not in names:
        return dataset
    return replace(dataset, unit=split.blocks, unit_name=names[split.kind])


def _require_classes(dataset: Dataset, split: Split) -> None:
    """Every class must be there to learn from."""
    if dataset.target.kind not in ("binary", "multiclass"):
        return
    known = set(np.unique(dataset.target.values[split.where("train")]).tolist())
    absent = [str(name) for code, name in enumerate(dataset.target.names) if code not in known]
    if absent:
        raise InsufficientDataError(
            "classes without an example in the train part",
            where=f"split by {split.kind}",
            got=list_some(absent),
            expected="every class in train",
            do="choose another --split or other test chromosomes, or leave these classes out",
        )


def _test_ids(options: FitOptions) -> list[str] | None:
    return None if options.test_ids is None else options.test_ids.read_text().split("\n")


def _sequences(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    from chiasma.workflow.loading.sequences import load_sequences

    del card, config
    return load_sequences(inputs, seed=options.seed, length=options.length), None


def _simulations(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    from chiasma.workflow.loading.simulations import load_simulations

    if inputs.get("fvec") or inputs.get("test_fvec"):
        from chiasma.workflow.loading.feature_vectors import load_vectors

        return load_vectors(config, inputs, options)
    check_maps(config)
    observes = any(port.name == "genotypes" and not port.predict_only for port in card.inputs)
    if observes and any(inputs.get(name) for name in ("genotypes", "samples", "mask")):
        from chiasma.workflow.loading.observed import load_observed

        return load_observed(config, inputs, seed=options.seed)
    workers, mask = options.workers or usable_cores(), inputs.get("mask")
    return load_simulations(config, seed=options.seed, executor=options.executor, workers=workers, mask=mask)


def _views(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    from chiasma.workflow.loading.tables import load_views

    del config
    more: dict[str, Any] = {"test_views": inputs.get("test_view"), "partial": card.partial and not options.complete}
    return load_views(inputs["view"], inputs.get("labels"), **_common(inputs, options), **more)


def _matrix(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    from chiasma.workflow.loading.tables import load_matrix

    if inputs.get("view") is not None:
        return _views(card, config, inputs, options)
    test = inputs.get("test_matrix")
    return load_matrix(inputs["matrix"], inputs.get("labels"), **_common(inputs, options), test_matrix=test)


def _common(inputs: Inputs, options: FitOptions) -> dict[str, Any]:
    return {"seed": options.seed, **{name: inputs.get(name) for name in ("groups", "study", "test_labels")}}


def _tracks(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    del card
    from chiasma.workflow.loading.genomes import load_genomes
    from chiasma.workflow.loading.tracks import load_tracks

    own_split = options.split.kind == "auto" and options.test_ids is None
    if inputs.get("genomes") is None:
        return load_tracks(config, inputs, own_split=own_split, apart=options.split.kind == "homology")
    if len(inputs) > 1:
        others = ", ".join(f"--{name.replace('_', '-')}" for name in inputs if name != "genomes")
        raise UsageError(
            "a table of genomes names all files itself", where="--genomes", got=others, do=f"leave out {others}"
        )
    return load_genomes(config, inputs["genomes"], own_split=own_split, share=options.split.containment)


def _pair(card: Card, config: Config, inputs: Inputs, options: FitOptions) -> tuple[Dataset, Split | None]:
    from chiasma.workflow.loading.pair import load_pair

    del card, config
    return load_pair(inputs, options)


_LOADERS: dict[str, Callable[[Card, Config, Inputs, FitOptions], tuple[Dataset, Split | None]]] = {
    "sequences": _sequences,
    "simulations": _simulations,
    "views": _views,
    "matrix": _matrix,
    "pair": _pair,
    "tracks": _tracks,
}


def training_part(prepared: Prepared) -> np.ndarray:
    """Indices a model without a stopping rule may learn from: train and valid."""
    return prepared.split.where("train", "valid")
