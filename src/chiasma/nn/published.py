"""From the names of a published checkpoint to ours: every key mapped, dropped, doubled, missing, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from chiasma.core.errors import FormatError, MismatchError, list_some

Shapes = Mapping[str, torch.Size]
"""Shape of each of our tensors by name."""

_COUNTER = "num_batches_tracked"
"""A count that torch's batch norm keeps and evaluation never reads; formats other than torch's lack it."""


class Place(NamedTuple):
    """Where a published tensor goes, and in which order its axes come there (None: as they are)."""

    target: str
    axes: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Format:
    """What one way of publishing a network calls its tensors.

    Attributes:
        name: of the format, for messages.
        places: of each name (key) the place with us.
        aliases: (pattern, replacement) by which names are made alike first; two names that become one are doubles.
        ignored: (pattern, reason) of names that carry nothing we need.
    """

    name: str
    places: Mapping[str, Place]
    aliases: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()

    def canonical(self, source: str) -> str:
        """The name after all aliases."""
        for pattern, replacement in self.aliases:
            source = re.sub(pattern, replacement, source)
        return source

    def why_ignored(self, name: str) -> str | None:
        """The reason for which a name is left out, or None if it is not."""
        return next((reason for pattern, reason in self.ignored if re.search(pattern, name)), None)


@dataclass(frozen=True)
class WeightReport:
    """What became of every key.

    Attributes:
        format: of the checkpoint.
        mapped: our name of each published key that was used.
        dropped: the reason for each that was not.
        duplicates: for each key that repeats another, equal to the bit, the one that was used.
        missing: our tensors that the checkpoint does not hold.
    """

    format: str
    mapped: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = f"{len(self.mapped)} mapped, {len(self.dropped)} dropped, {len(self.duplicates)} duplicate"
        return f"{self.format}: {counts}, {len(self.missing)} missing"

    def require_complete(self, *, but: str | None = None, where: object = None) -> None:
        """Raise if a tensor is missing whose name does not begin with `but` (a head that is to be trained anew)."""
        needed = [name for name in self.missing if but is None or not name.startswith(but)]
        if needed:
            raise MismatchError(
                f"the checkpoint lacks {len(needed)} of the model's tensors",
                where=where,
                got=self.format,
                expected=list_some(needed),
                do="check that checkpoint and preset are of the same model",
            )


def shapes_of(model: nn.Module) -> dict[str, torch.Size]:
    """Shape of every tensor of a model, which may live on the meta device."""
    return {name: value.shape for name, value in model.state_dict().items()}


def choose_format(formats: Iterable[Format], names: Iterable[str], *, where: object = None) -> Format:
    """The format that knows most of the names.

    Raises:
        FormatError: none knows any.
    """
    given, known = list(names), list(formats)
    hits = [sum(each.canonical(name) in each.places for name in given) for each in known]
    if not max(hits):
        raise FormatError(
            "not a checkpoint of this method in any format that is known",
            where=where,
            got=list_some(given, most=3),
            expected=" | ".join(f"{each.name} ({next(iter(each.places))} ...)" for each in known),
        )
    return known[hits.index(max(hits))]


def translate(
    pairs: Iterable[tuple[str, Any]], layout: Format, shapes: Shapes, *, where: object = None
) -> tuple[dict[str, torch.Tensor], WeightReport]:
    """Our state dict from published names and arrays.

    Args:
        pairs: name and array of each published tensor.
        layout: the format, see `choose_format`.
        shapes: of our tensors.
        where: the file, for messages.

    Raises:
        MismatchError: a foreign key, a tensor of another shape, or two of one name that differ.
    """
    report = WeightReport(layout.name)
    state: dict[str, torch.Tensor] = {}
    used: dict[str, str] = {}
    foreign, misshapen = [], []
    for source, value in pairs:
        name = layout.canonical(source)
        place = layout.places.get(name)
        if place is None:
            reason = layout.why_ignored(name)
            if reason is None:
                foreign.append(source)
            else:
                report.dropped[source] = reason
            continue
        tensor = _arranged(value, place, shapes)
        if tensor is None:
            misshapen.append(f"{source} {tuple(value.shape)}, not {tuple(shapes[place.target])}")
        elif place.target in state:
            _require_same(state[place.target], tensor, (source, used[place.target]), where=where)
            report.duplicates[source] = used[place.target]
        else:
            state[place.target], used[place.target] = tensor, source
            report.mapped[source] = place.target
    _refuse(foreign, misshapen, layout.name, where=where)
    for target in shapes:
        if target.endswith(_COUNTER) and target not in state:
            state[target] = torch.zeros((), dtype=torch.long)
    missing = tuple(target for target in shapes if target not in state)
    return state, WeightReport(report.format, report.mapped, report.dropped, report.duplicates, missing)


def _arranged(value: Any, place: Place, shapes: Shapes) -> torch.Tensor | None:
    """The tensor in our order of axes; None where the sizes cannot be ours. Axes of size 1 may come and go."""
    tensor = value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))
    if place.axes is not None:
        if tensor.ndim > len(place.axes):
            return None
        while tensor.ndim < len(place.axes):
            tensor = tensor[None]  # a dense kernel is a convolution's of width 1
        tensor = tensor.permute(place.axes)
    wanted = shapes[place.target]
    if [size for size in tensor.shape if size != 1] != [size for size in wanted if size != 1]:
        return None
    return tensor.reshape(wanted).contiguous()


def _require_same(first: torch.Tensor, second: torch.Tensor, names: tuple[str, str], *, where: object) -> None:
    if not torch.equal(first, second):
        raise MismatchError("two keys name one tensor but differ", where=where, got=" and ".join(names))


def _refuse(foreign: list[str], misshapen: list[str], name: str, *, where: object) -> None:
    if foreign:
        raise MismatchError(
            f"the checkpoint holds {len(foreign)} keys that this model does not have",
            where=where,
            got=list_some(foreign),
            expected=f"the keys of {name}",
            do="choose the preset that the checkpoint was made with",
        )
    if misshapen:
        raise MismatchError(
            f"{len(misshapen)} tensors have another shape than the model's",
            where=where,
            got=list_some(misshapen, most=3),
            do="choose the preset that the checkpoint was made with",
        )


def torch_places(shapes: Shapes, modules: Mapping[str, str]) -> dict[str, Place]:
    """Places in a checkpoint of another torch module.

    Args:
        shapes: of our tensors.
        modules: their name of each of our modules or bare parameters.
    """
    return {theirs + rest: Place(target) for target, theirs, rest in _renamed(shapes, modules)}


_TENSORFLOW = {
    "sonnet": {
        "norm": {
            ".weight": "/scale",
            ".bias": "/offset",
            ".running_mean": "/moving_mean/average",
            ".running_var": "/moving_variance/average",
        },
        "layer": {".weight": "/w", ".bias": "/b"},
    },
    "keras": {
        "norm": {
            ".weight": "/gamma",
            ".bias": "/beta",
            ".running_mean": "/moving_mean",
            ".running_var": "/moving_variance",
        },
        "layer": {".weight": "/kernel", ".bias": "/bias"},
    },
}


def tensorflow_places(shapes: Shapes, modules: Mapping[str, str], *, dialect: str) -> dict[str, Place]:
    """Places of the variables of a TensorFlow model; `dialect` is sonnet or keras, arguments as in `torch_places`.

    TensorFlow keeps kernels as (width, in, out), torch as (out, in, width).
    """
    places = {}
    for target, theirs, rest in _renamed(shapes, modules):
        if rest == "":
            places[theirs] = Place(target)
            continue
        if rest.endswith(_COUNTER):
            continue
        is_norm = len(shapes[target.removesuffix(rest) + ".weight"]) == 1
        name = _TENSORFLOW[dialect]["norm" if is_norm else "layer"][rest]
        kernel = rest == ".weight" and not is_norm
        axes = tuple(reversed(range(len(shapes[target])))) if kernel else None
        places[theirs + name] = Place(target, axes)
    return places


def _renamed(shapes: Shapes, modules: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    """Each of our names, what they call the module it begins with, and the rest of the name."""
    for target in shapes:
        prefix, rest = (target, "") if target in modules else (target.rpartition(".")[0], "." + target.split(".")[-1])
        if prefix in modules:
            yield target, modules[prefix], rest


def keras_by_rank(names: Iterable[str]) -> dict[str, str]:
    """Layers of a Keras file by kind and order: `conv1d_7/kernel:0` becomes `conv1d#1/kernel` if it is the second.

    Keras numbers the layers of a process, not of a model, so that only their order is the model's own.
    """
    split = {name: _keras_parts(name) for name in names}
    numbers: dict[str, set[int]] = {}
    for layer, _ in split.values():
        kind, number = _kind_and_number(layer)
        numbers.setdefault(kind, set()).add(number)
    ranks = {kind: {number: rank for rank, number in enumerate(sorted(found))} for kind, found in numbers.items()}
    renamed = {}
    for name, (layer, rest) in split.items():
        kind, number = _kind_and_number(layer)
        renamed[name] = f"{kind}#{ranks[kind][number]}/{rest}"
    return renamed


def _keras_parts(name: str) -> tuple[str, str]:
    parts = name.removeprefix("model_weights/").removesuffix(":0").split("/")
    if len(parts) > 2 and parts[0] == parts[1]:
        parts = parts[1:]
    return parts[0], "/".join(parts[1:])


def _kind_and_number(layer: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)(?:_(\d+))?", layer)
    assert match is not None
    return match[1], int(match[2] or 0)
