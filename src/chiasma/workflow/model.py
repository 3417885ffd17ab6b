"""MODEL: a run folder, a folder of weights, published weights by name, `file.py:function`, or any network at hand.

A method's name is no MODEL, and is refused naming the command that trains it. A user's file is run when it is named as
`file.py:function`, and never otherwise.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chiasma.core.errors import ChiasmaError, InputError, UsageError, list_some, unknown_name
from chiasma.core.files import text_hash
from chiasma.data.dataset import Dataset, Target
from chiasma.data.sequences import Sequences
from chiasma.workflow.fitted import Fitted, load_fitted

_BASES_IN_A_BATCH = 1 << 20


class Model(Protocol):
    """What predicting and explaining ask of a model."""

    @property
    def target(self) -> Target:
        """Kind, names and unit of the outputs (values empty)."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """What prediction needs besides weights: lengths, temperature, conformal thresholds."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the prediction's columns."""
        ...

    def scores(self, data: Dataset, *, device: str = "auto") -> np.ndarray:
        """Probabilities or values (example, output)."""
        ...

    def callable(self, *, device: str = "cpu") -> Any:
        """The network alone, one-hot in, outputs out."""
        ...


@dataclass(frozen=True, eq=False)
class OwnModel:
    """A network on sequences that was not fitted here.

    Attributes:
        name: as the user gave it.
        network: one-hot float32 (batch, base=4, position) -> (batch, output), bases A C G T, an unknown one zeros.
        target: its outputs; their names are empty until `measured` where the user named none.
        length: bases that it reads; None reads the longest sequence given.
        meta: the length read, once measured.
        bin: bases in a bin of outputs along the sequence, (batch, bin, track); None where it is not said.
        strand_pair: for each track the one of the same assay on the other strand; None where it is not said.
    """

    name: str
    network: Callable[[Any], Any]
    target: Target
    length: int | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    bin: int | None = None
    strand_pair: tuple[int, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """p_NAME of probabilities, yhat_NAME of other outputs."""
        prefix = "yhat_" if self.target.kind == "regression" else "p_"
        return tuple(prefix + name for name in self.target.names)

    def measured(self, data: Dataset) -> OwnModel:
        """The model with the length that it reads of these sequences, and its outputs named.

        Raises:
            InputError: it fails on the first sequence, or does not answer with one row an example.
        """
        length = self.length or int(_sequences(data).lengths.max())
        model = replace(self, meta={"length": length, "task": {"length": length}})
        found = model._outputs(_sequences(data).take(np.arange(1)).padded(length), device=None)
        if not self.target.names:
            names = tuple(f"output{number}" for number in range(1, found.shape[1] + 1))
            return replace(model, target=replace(self.target, names=names))
        if found.shape[1] != len(self.target.names):
            raise InputError(
                "the model's outputs are not those that its columns name",
                where=self.name,
                got=f"{found.shape[1]} outputs",
                expected=f"{len(self.target.names)}: {list_some(self.target.names)}",
            )
        return model

    def remarks(self, data: Dataset) -> list[str]:
        """A line that counts and names sequences shorter than the length read; what is given of bins."""
        lines = [f"each output is its mean over bins of {self.bin} bases"] if self.bin else []
        short = data.ids[_sequences(data).lengths < self.meta["length"]]
        if len(short):
            named = list_some(short, most=3)
            lines.append(f"{len(short):,} sequences shorter than {self.meta['length']} bases: padded with N ({named})")
        return lines

    def scores(self, data: Dataset, *, device: str = "auto") -> np.ndarray:
        """Outputs (example, output) of sequences brought to the length read, as the network gives them.

        Raises:
            InputError: an output is no number, or a probability is not between 0 and 1.
        """
        from chiasma.fit.devices import pick_device

        length = self.meta["length"]
        size = max(1, _BASES_IN_A_BATCH // length)
        chosen = pick_device(device)
        sequences = _sequences(data)
        blocks = [np.arange(begin, min(begin + size, len(data))) for begin in range(0, len(data), size)]
        found = np.concatenate([self._outputs(sequences.take(block).padded(length), device=chosen) for block in blocks])
        wrong, expected = ~np.isfinite(found), "finite numbers"
        if self.target.kind != "regression":
            wrong, expected = wrong | (found < 0) | (found > 1), "probabilities, as its columns begin with p_"
        if wrong.any():
            rows = np.flatnonzero(wrong.any(axis=1))
            got = f"{len(rows):,} sequences with others, such as {found[wrong][0]:.4g} ({list_some(data.ids[rows])})"
            raise InputError("outputs that cannot be used", where=self.name, got=got, expected=expected)
        return found

    def callable(self, *, device: str = "cpu") -> Any:
        """The network: a module as it is, so that every attribution serves; of other callables checked tensors."""
        del device
        if not _is_module(self.network):
            return self._checked
        return _mean_over_bins(self.network) if self.bin else self.network

    def _outputs(self, codes: np.ndarray, *, device: Any) -> np.ndarray:
        """Outputs (sequence, output) of codes (sequence, position); a module is moved to the device given."""
        import torch

        from chiasma.explain.onehot import device_of, evaluating, one_hot

        if device is not None and isinstance(self.network, torch.nn.Module):
            self.network.to(device)
        with evaluating(self.network), torch.no_grad():
            return self._checked(one_hot(codes, device=device_of(self.network))).double().cpu().numpy()

    def _checked(self, x: Any) -> Any:
        """The network's answer as a tensor (batch, output).

        Raises:
            InputError: it fails, or answers with something else.
        """
        import torch

        try:
            found = self.network(x)
            found = found if isinstance(found, torch.Tensor) else torch.as_tensor(np.asarray(found, dtype=np.float64))
        except ChiasmaError:
            raise
        except Exception as error:
            expected = f"an answer to one-hot float32 (batch, base, position) of {tuple(x.shape)}"
            raise _failure("the model failed", self.name, error, expected=expected) from error
        if self.bin and found.ndim == 3 and found.shape[2] == len(self.target.names):
            found = found.mean(dim=1)
        if found.ndim != 2 or found.shape[0] != x.shape[0] or not found.shape[1]:
            raise InputError(
                "the model's output has the wrong shape",
                where=self.name,
                got=f"{tuple(found.shape)} for an input of {tuple(x.shape)}",
                expected=f"({x.shape[0]}, outputs)",
                do="return one row an example; a single output is a column: output[:, None]",
            )
        return found


def resolve_model(model: Any) -> Fitted | OwnModel:
    """What MODEL stands for.

    Args:
        model: a run folder or a folder of weights, with :HEAD where it has several; published weights as NAME or
            NAME:HEAD, FILE.py:FUNCTION, a Fitted, an nn.Module or any callable. A function maps one-hot DNA (batch,
            base=4, position) to (batch, output); one without arguments, or a class, returns the network. Its attribute
            `columns` names the outputs, `length` the bases read.

    Raises:
        NotTrainedError: the name of a method without trained weights, or of published weights that are not here.
        UsageError, InputError: the file, or the function in it, is not there; or the file fails when it is run.
    """
    if isinstance(model, Fitted):
        return _one_head(model, None)
    if isinstance(model, OwnModel):
        return model
    if callable(model):
        return _own(model, getattr(model, "__name__", type(model).__name__))
    text = str(model)
    path, _, function = (text, "", "") if text.endswith(".py") else text.rpartition(":")
    if not path.endswith(".py"):
        return _published(text) or _of_run(text)
    named, choices = _run_file(path)
    if not function:
        raise UsageError(
            "a model in a Python file is named as FILE.py:FUNCTION",
            got=model,
            expected=", ".join(f"{path}:{name}" for name in choices) or "a file with a function or a network",
        )
    if not callable(named.get(function)):
        raise unknown_name(f"function of {path}", function, choices)
    return _own(named[function], str(model))


def _of_run(text: str) -> Fitted:
    """A run, a folder of weights, or either with the name of a head behind it: RUN:HEAD."""
    path, _, head = text.rpartition(":")
    if Path(text).exists() or not path or not (Path(path).exists() or Path(f"{path}.partial").exists()):
        return _one_head(load_fitted(text), None)
    return _one_head(load_fitted(path), head)


def _one_head(found: Fitted, head: str | None) -> Fitted:
    """A model with one head; the first of several where none is named, and that is said.

    Raises:
        UsageError: it has no such head.
    """
    if not found.heads:
        if head is not None:
            raise UsageError("this model has one head", got=head, do="leave the name of a head out")
        return found
    if head is None:
        others = list_some([f"RUN:{name}" for name in found.heads[1:]])
        print(f"head {found.heads[0]} (others: {others})", file=sys.stderr, flush=True)
    return found.head(head)


def _published(text: str) -> OwnModel | None:
    """Published weights, NAME or NAME:HEAD, where no file or folder has that name."""
    from chiasma.workflow.weights.catalogue import named_weights

    named = named_weights(text)
    if named is None:
        return None
    from chiasma.workflow.weights.convert import load_published

    found = load_published(*named)
    target = Target("regression", np.zeros(0), found.names)
    return OwnModel(text, found.network, target, found.length, bin=found.bin, strand_pair=found.strand_pair)


def _mean_over_bins(network: Any) -> Any:
    """A module that gives each track's mean over bins (batch, track) of one with bins (batch, bin, track)."""
    from torch import nn

    class MeanOverBins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            found = self.network(x)
            return found.mean(dim=1) if found.ndim == 3 else found

    return MeanOverBins()


def _own(found: Any, name: str) -> OwnModel:
    """A callable, or what it returns where it takes nothing, with the names of its outputs."""
    network = found
    if not _is_module(found) and _needs(found) == 0:
        try:
            network = found()
        except Exception as error:
            raise _failure("the model could not be built", name, error) from error
        if not callable(network):
            raise InputError("a function without arguments returns the network", where=name, got=type(network).__name__)
    elif inspect.isclass(found):
        raise UsageError(
            "a class that needs arguments cannot be used as a model",
            where=name,
            expected="a network, or a function that builds one",
            do="write a function without arguments that returns it",
        )
    columns = getattr(network, "columns", getattr(found, "columns", ()))
    length = getattr(network, "length", getattr(found, "length", None))
    if length is not None and (not isinstance(length, int) or length < 1):
        raise UsageError("not a length", where=f"{name}, attribute length", got=length, expected="a number of bases")
    size = getattr(network, "bin", getattr(found, "bin", None))
    pair = getattr(network, "strand_pair", getattr(found, "strand_pair", None))
    pair = None if pair is None else tuple(int(other) for other in pair)
    return OwnModel(name, network, _target(columns, name), length, bin=size, strand_pair=pair)


def _target(columns: Sequence[str], name: str) -> Target:
    """Probabilities where every column begins with p_, else values."""
    where = f"{name}, attribute columns"
    if isinstance(columns, str) or not all(isinstance(column, str) and column for column in columns):
        raise UsageError("not names of outputs", where=where, got=columns, expected="a tuple of texts, one an output")
    if len(set(columns)) < len(columns):
        raise UsageError("an output is named twice", where=where, got=", ".join(columns))
    likely = [column.startswith("p_") for column in columns]
    if any(likely) and not all(likely):
        raise UsageError(
            "probabilities and values in one model", where=where, got=", ".join(columns), expected="either"
        )
    prefix = "p_" if any(likely) else "yhat_"
    names = tuple(column.removeprefix(prefix) for column in columns)
    return Target("multilabel" if any(likely) else "regression", np.zeros(0), names)


def _needs(found: Any) -> int | None:
    """How many arguments a callable cannot do without; None where that cannot be seen."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return None
    return sum(one.kind in kinds and one.default is inspect.Parameter.empty for one in parameters)


def _run_file(path: str) -> tuple[dict[str, Any], list[str]]:
    """What a Python file holds once run as a module that finds its neighbours; names of the callables made there."""
    if not Path(path).exists():
        raise UsageError("no such file", where="MODEL", got=path, expected="FILE.py:FUNCTION", do="check the path")
    name = f"chiasma_model_{text_hash(str(Path(path).resolve()))[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _failure("this file fails when it is run", path, error) from error
    finally:
        sys.path.pop(0)
    held = vars(module)
    public = [key for key, value in held.items() if not key.startswith("_") and callable(value)]
    return held, [key for key in public if held[key].__module__ == name or _is_module(held[key])]


def _failure(what: str, name: str, error: BaseException, *, expected: str | None = None) -> InputError:
    """An error in the user's code, with its place there: the last line of the file named, else of any."""
    frames = traceback.extract_tb(error.__traceback__)
    file = Path(name.partition(".py")[0] + ".py").resolve()
    mine = [frame for frame in frames if Path(frame.filename).resolve() == file] or list(frames)
    line = error.lineno if isinstance(error, SyntaxError) else mine[-1].lineno
    source = error.filename if isinstance(error, SyntaxError) else mine[-1].filename
    return InputError(what, where=f"{source}:{line}", got=f"{type(error).__name__}: {error}", expected=expected)


def _is_module(value: Any) -> bool:
    """Whether it is an nn.Module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _sequences(data: Dataset) -> Sequences:
    if not isinstance(data.x, Sequences):
        raise InputError("sequences are needed", got=type(data.x).__name__, do="give FASTA, or BED with --fasta")
    return data.x
