"""What explanations need of any model: one-hot input, evaluation mode, one checked output column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.results import Attribution

if TYPE_CHECKING:
    import torch

BASES_IN_A_BATCH = 1 << 19
"""Bases in one pass of a model, at most: of long windows fewer go at once."""
LONG = 20_000
"""Bases of a window from which every pass, and all that is kept of it, counts."""
SequenceModel = Callable[[Any], Any]
"""One-hot float (batch, base=4, position) -> (batch, output); any callable or nn.Module."""


def one_hot(codes: np.ndarray, *, device: Any = "cpu") -> torch.Tensor:
    """One-hot float32 (batch, base, position) of codes (batch, position); unknown bases are zeros."""
    import torch

    index = torch.as_tensor(np.ascontiguousarray(codes), device=device).long()
    return (index[:, None, :] == torch.arange(4, device=device)[None, :, None]).to(torch.float32)


def device_of(model: SequenceModel) -> Any:
    """The device of a module's parameters; the CPU for other callables."""
    import torch

    if isinstance(model, torch.nn.Module):
        for tensor in [*model.parameters(), *model.buffers()]:
            return tensor.device
    return torch.device("cpu")


@contextmanager
def evaluating(model: SequenceModel) -> Iterator[None]:
    """Put a module into evaluation mode for a while, each submodule back as it was afterwards."""
    import torch

    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not modules, deterministic=True):
            yield
    finally:
        for module, training in zip(modules, before):
            module.training = training


@contextmanager
def recomputing(model: SequenceModel, *, on: bool) -> Iterator[None]:
    """Let networks whose configuration has `checkpointing` compute again on the way back what they do not keep.

    With `on` false they keep everything for a while, as following them call by call needs.
    """
    import torch

    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    ours: list[Any] = [one for one in modules if hasattr(getattr(one, "config", None), "checkpointing")]
    before = [(module, module.config) for module in ours]
    try:
        for module, config in before:
            module.config = config.replace(checkpointing=on)
        yield
    finally:
        for module, config in before:
            module.config = config


def target_output(model: SequenceModel, x: torch.Tensor, target: int) -> torch.Tensor:
    """Column `target` of the model's output (batch,).

    Raises:
        UsageError: the output is not (batch, output), or has no such column.
    """
    return target_outputs(model, x, (target,))[:, 0]


def target_outputs(model: SequenceModel, x: torch.Tensor, targets: Sequence[int]) -> torch.Tensor:
    """Columns `targets` of the model's output (batch, target), from one pass.

    Raises:
        UsageError: the output is not (batch, output), or has no such columns.
    """
    output = model(x)
    if getattr(output, "ndim", None) != 2 or output.shape[0] != x.shape[0]:
        raise UsageError(
            "the model cannot be explained",
            got=f"output of shape {tuple(getattr(output, 'shape', ()))} for {tuple(x.shape)}",
            expected=f"({x.shape[0]}, outputs)",
            do="wrap it in a function that returns one row an example",
        )
    if absent := [target for target in targets if not -output.shape[1] <= target < output.shape[1]]:
        raise UsageError("no such output", where="target", got=absent[0], expected=f"0 to {output.shape[1] - 1}")
    return output[:, list(targets)]


def outputs(model: SequenceModel, codes: np.ndarray, *, target: int, batch_size: int = 512) -> np.ndarray:
    """Output `target` for every row of codes (sequence, position) -> float64 (sequence,)."""
    return outputs_of(model, codes, targets=(target,), batch_size=batch_size)[0]


def outputs_of(model: SequenceModel, codes: np.ndarray, *, targets: Sequence[int], batch_size: int = 512) -> np.ndarray:
    """Outputs for every row of codes (sequence, position) -> float64 (target, sequence)."""
    import torch

    device = device_of(model)
    batch_size = max(1, min(batch_size, BASES_IN_A_BATCH // max(1, codes.shape[1])))
    parts = [np.zeros((len(targets), 0))]
    with evaluating(model), torch.no_grad():
        for rows in batches(len(codes), batch_size):
            found = target_outputs(model, one_hot(codes[rows], device=device), targets)
            parts.append(found.double().cpu().numpy().T)
    return np.concatenate(parts, axis=1)


def batches(total: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `range(total)`."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def present(hypothetical: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The value at the base present, (sequence, position, base) -> (sequence, position); 0 at unknown bases."""
    index = np.minimum(codes, 3)[..., None].astype(np.int64)
    return np.where(codes < 4, np.take_along_axis(hypothetical, index, -1)[..., 0], 0.0)


def require_codes(codes: np.ndarray) -> np.ndarray:
    """Codes as uint8 (sequence, position).

    Raises:
        UsageError: not two-dimensional, empty, or codes above 4.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or not codes.size or codes.max() > 4 or codes.min() < 0:
        raise UsageError(
            "cannot explain these sequences",
            got=f"array of shape {codes.shape}",
            expected="codes 0 to 4 (sequence, position), at least one of each",
        )
    return codes.astype(np.uint8)


def make_attribution(
    codes: np.ndarray,
    scores: np.ndarray,
    hypothetical: np.ndarray,
    output: np.ndarray,
    *,
    method: str,
    target: int,
    gap: np.ndarray | None = None,
) -> Attribution:
    """An Attribution of sequences named by running numbers; `gap` is the completeness error, undefined if None."""
    return Attribution(
        np.arange(len(codes)).astype(str).astype(object),
        codes,
        scores.astype(np.float32),
        hypothetical.astype(np.float32),
        np.full(len(codes), np.nan) if gap is None else gap,
        output,
        method,
        str(target),
    )
