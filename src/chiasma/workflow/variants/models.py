"""A model as variants need it: windows in, outputs or tracks along the window out, on either strand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.errors import ChiasmaError, InputError, MismatchError, UsageError, list_some
from chiasma.data.sequences import reverse_complement
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.model import OwnModel, resolve_model

_BASES_IN_A_BATCH = 1 << 18


@dataclass(frozen=True, eq=False)
class Scorer:
    """A model that scores windows.

    Attributes:
        name: as the user gave it.
        network: one-hot (batch, base, position) to (batch, output), (batch, bin, track) or (batch, track, bin).
        read: from the network's tensor to the values scored: logits to log odds, standardised values to their unit.
        names: outputs or tracks.
        length: bases of a window.
        unit: of the outputs.
        bin: bases in a bin; 0 where the outputs are of the window as a whole.
        bins: bins of the output, in the middle of the window.
        pair: for each track the one of the other strand; None where a model with bins does not say.
        device: where it runs.
        track_axis: of the network's answer, 1 or 2.
    """

    name: str
    network: Callable[[Any], Any]
    read: Callable[[Any], Any]
    names: tuple[str, ...]
    length: int
    unit: str = ""
    bin: int = 0
    bins: int = 0
    pair: np.ndarray | None = None
    device: Any = "cpu"
    track_axis: int = 1

    @property
    def first(self) -> int:
        """Where the first bin begins in the window."""
        return (self.length - self.bins * self.bin) // 2

    @property
    def batch_size(self) -> int:
        """Windows in a batch."""
        return max(1, _BASES_IN_A_BATCH // self.length)

    def strands(self, *, both: bool) -> tuple[bool, ...]:
        """Whether each pass shows the other strand; one pass where a model with bins names no strand pairs."""
        turnable = not self.bin or self.pair is not None
        return (False, True) if both and turnable else (False,)

    def tensor(self, x: Any, outputs: Sequence[int]) -> Any:
        """Chosen outputs (batch, output) or tracks (batch, bin, track) of one-hot windows, with gradients."""
        found = self.read(_answer(self.name, self.network, x))
        if found.ndim == 2:
            return found[:, list(outputs)]
        return found[:, :, list(outputs)] if self.track_axis == 2 else found[:, list(outputs)].transpose(1, 2)

    def values(self, codes: np.ndarray, outputs: Sequence[int], *, turned: bool = False) -> np.ndarray:
        """Chosen outputs (batch, output) or tracks (batch, bin, track) of windows (batch, position), float64.

        Args:
            codes: windows of the plus strand.
            outputs: which.
            turned: show the model the other strand; bins and strand pairs come back as on the plus strand.

        Raises:
            InputError: the model gives something that is no number.
        """
        import torch

        from chiasma.explain.onehot import evaluating, one_hot

        wanted = list(outputs)
        if turned and self.pair is not None:
            wanted = self.pair[wanted].tolist()
        seen = reverse_complement(codes) if turned else codes
        with evaluating(self.network), torch.no_grad():
            found = self.tensor(one_hot(seen, device=self.device), wanted).double().cpu().numpy()
        if not np.isfinite(found).all():
            raise InputError(
                "outputs that are no finite numbers",
                where=self.name,
                got=found[~np.isfinite(found)][0],
                expected="numbers for every window, also those with unknown bases",
            )
        return found[:, ::-1] if turned and self.bin else found


def make_scorer(model: Any, *, length: int | None = None, device: str = "auto") -> Scorer:
    """MODEL ready to score windows.

    Args:
        model: see `resolve_model`.
        length: bases of a window, for a model that does not say how many it reads.
        device: auto, cpu, cuda or mps.

    Raises:
        NotTrainedError: the name of a method without weights.
        UsageError: not a model of sequences, or its length or bins are not known.
        InputError: it fails on a window.
    """
    found = resolve_model(model)
    from chiasma.fit.devices import pick_device

    chosen = pick_device(device)
    scorer = _own(found, length, chosen) if isinstance(found, OwnModel) else _fitted(model, found, chosen)
    if length is not None and length != scorer.length:
        raise UsageError(
            "the model reads another length",
            where=scorer.name,
            got=f"{length:,}",
            expected=f"{scorer.length:,} bases",
            do="leave --length out: this model says how many it reads",
        )
    return scorer


def _fitted(model: Any, found: Fitted, device: Any) -> Scorer:
    card, task = found.method.card, found.meta.get("task", {})
    if card.contract != "task" or "length" not in task:
        raise UsageError(
            "this model does not score sequences",
            where=getattr(model, "name", model),
            got=f"{card.name}, which reads {card.data}",
            expected="a network on sequences",
            do="'chiasma list' says which methods read sequences",
        )
    network = found.callable().to(device)
    name = str(model) if isinstance(model, str) or hasattr(model, "__fspath__") else card.name
    kind, names = found.target.kind, found.target.names
    if "bin" in task:
        bins = task["length"] // task["bin"] - 2 * task["crop"]
        facts = {"bin": task["bin"], "bins": bins, "pair": np.array(task["strand_pair"]), "track_axis": 2}
        return Scorer(name, network, _as_it_is, names, task["length"], found.target.unit, device=device, **facts)
    unit = {"binary": "log odds", "multilabel": "log odds", "multiclass": "log probability"}.get(kind)
    if kind == "binary":
        names = names[1:]
    read = _reader(kind, task)
    return Scorer(name, network, read, names, task["length"], unit or found.target.unit, device=device)


def _as_it_is(values: Any) -> Any:
    return values


def _reader(kind: str, task: dict[str, Any]) -> Callable[[Any], Any]:
    """From logits or standardised values to what differences are taken of."""

    def log_odds(values: Any) -> Any:
        return values[:, 1:] - values[:, :1]

    def log_probability(values: Any) -> Any:
        return values.log_softmax(dim=1)

    def in_units(values: Any) -> Any:
        mean, deviation = (values.new_tensor(task[key]) for key in ("mean", "deviation"))
        return values * deviation + mean

    return {"binary": log_odds, "multiclass": log_probability, "regression": in_units}.get(kind, _as_it_is)


def _own(found: OwnModel, length: int | None, device: Any) -> Scorer:
    """A network of the user's own, its outputs seen by trying it once."""
    import torch

    config = getattr(found.network, "config", None)  # a network of this package tells its geometry itself
    size = found.length or length or getattr(config, "length", None)
    if not size:
        raise UsageError(
            "how many bases the model reads is not known",
            where=found.name,
            expected="a length",
            do="give --length, or the function an attribute `length`",
        )
    if isinstance(found.network, torch.nn.Module):
        found.network.to(device)
    from chiasma.explain.onehot import evaluating, one_hot

    trial = np.resize(np.arange(4, dtype=np.uint8), (1, size))
    with evaluating(found.network), torch.no_grad():
        shape = tuple(_answer(found.name, found.network, one_hot(trial, device=device)).shape)
    if len(shape) == 2:
        names = _names(found, shape[1])
        pair = None if found.strand_pair is None else _pair(found, len(names))
        return Scorer(found.name, found.network, _as_it_is, names, size, pair=pair, device=device)
    bin_size = found.bin or getattr(config, "bin", None)
    axis = _track_axis(found, shape, size, bin_size)
    names = _names(found, shape[axis])
    bins = shape[3 - axis]
    facts = {"bin": bin_size, "bins": bins, "pair": _pair(found, len(names)), "track_axis": axis}
    return Scorer(found.name, found.network, _as_it_is, names, size, device=device, **facts)  # type: ignore[arg-type]


def _answer(name: str, network: Callable[[Any], Any], x: Any) -> Any:
    """The network's answer as a tensor of a known form."""
    import torch

    try:
        found = network(x)
    except ChiasmaError:
        raise
    except Exception as error:
        raise InputError(
            "the model failed",
            where=name,
            got=f"{type(error).__name__}: {error}",
            expected=f"an answer to one-hot float32 (batch, base, position) of {tuple(x.shape)}",
        ) from error
    if not isinstance(found, torch.Tensor):
        found = torch.as_tensor(np.asarray(found, dtype=np.float64))
    if found.ndim not in (2, 3) or found.shape[0] != x.shape[0] or 0 in found.shape:
        raise InputError(
            "the model's output has the wrong shape",
            where=name,
            got=f"{tuple(found.shape)} for an input of {tuple(x.shape)}",
            expected=f"({x.shape[0]}, outputs), or ({x.shape[0]}, bins, tracks)",
            do="return one row a window",
        )
    return found


def _track_axis(found: OwnModel, shape: tuple[int, ...], length: int, bin_size: int | None) -> int:
    """Which axis of the answer is the tracks: that which the names fit, or whose bins fit the window."""
    if not bin_size:
        raise UsageError(
            "bases in a bin of the model's outputs are not known",
            where=found.name,
            got=f"outputs {shape[1:]} of each window",
            expected="an attribute `bin`",
            do="set network.bin (and network.columns, network.strand_pair), or return (batch, output)",
        )
    fits = [
        axis
        for axis in (2, 1)
        if len(found.target.names) in (0, shape[axis])
        and shape[3 - axis] * bin_size <= length
        and (length - shape[3 - axis] * bin_size) % 2 == 0
    ]
    if not fits:
        raise MismatchError(
            "the model's outputs do not fit its window",
            where=found.name,
            got=f"outputs {shape[1:]}, bins of {bin_size}, {len(found.target.names)} columns, {length:,} bases",
            expected="(bin, track) or (track, bin), bins in the middle of the window",
            do="mend the attributes bin, columns or length",
        )
    if len(fits) == 2 and not found.target.names:
        raise UsageError(
            "which axis of the outputs are tracks is not known", where=found.name, got=shape[1:], do="set columns"
        )
    return fits[0]


def _names(found: OwnModel, count: int) -> tuple[str, ...]:
    names = found.target.names or tuple(f"output{number}" for number in range(1, count + 1))
    if len(names) != count:
        raise MismatchError(
            "the model's outputs are not those that its columns name",
            where=found.name,
            got=f"{count} outputs",
            expected=f"{len(names)}: {list_some(names)}",
            do="name each output once in its attribute columns",
        )
    return names


def _pair(found: OwnModel, count: int) -> np.ndarray | None:
    """Tracks of the other strand, checked."""
    if found.strand_pair is None:
        return None
    pair = np.array(found.strand_pair)
    if len(pair) != count or sorted(pair.tolist()) != list(range(count)) or (pair[pair] != np.arange(count)).any():
        raise UsageError(
            "not pairs of strands",
            where=f"{found.name}, attribute strand_pair",
            got=list_some(found.strand_pair),
            expected=f"for each of {count} tracks the one of the other strand, or itself",
            do="mend it, or leave it out to show one strand",
        )
    return pair
