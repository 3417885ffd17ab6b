"""The flags that every fit shares: `FitOptions` and its split, flat."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from chiasma.cli.flags import Flag, flag, is_plain, optional
from chiasma.split.options import SplitOptions
from chiasma.workflow.fitting.options import FitOptions


def option_flags(*, without: Collection[str] = ()) -> list[Flag]:
    """--split KIND, each further field of the split, and each field of FitOptions but those in `without`."""
    flags = [flag("split", str | None, help=f"how to divide: {SplitOptions.model_fields['kind'].description}")]
    for model, skip in ((SplitOptions, {"kind", "seed"}), (FitOptions, {"split", *without})):
        for name, field in model.model_fields.items():
            if name in skip or not is_plain(field.annotation):
                continue
            default = field.get_default(call_default_factory=True)
            text = f"{field.description or ''} [default: {default}]"
            spelled = name if model is FitOptions else _split_flag(name)
            off = f"--no-{spelled.replace('_', '-')}" if default is True else ""
            flags.append(flag(spelled, optional(field.annotation), help=text, negative=off))
    return flags


def _split_flag(name: str) -> str:
    """Fractions would be ambiguous without their context: --test becomes --test-fraction."""
    return f"{name}_fraction" if name in ("test", "valid", "calibration") else name


def read_options(values: Mapping[str, Any]) -> FitOptions:
    """FitOptions from the flags that were given."""
    split = {
        name: values[_split_flag(name)]
        for name in SplitOptions.model_fields
        if name != "kind" and name != "seed" and values.get(_split_flag(name)) is not None
    }
    if values.get("split") is not None:
        split["kind"] = values["split"]
    given = {name: values[name] for name in FitOptions.model_fields if name != "split" and values.get(name) is not None}
    given = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    return FitOptions.parse(
        {**given, "split": SplitOptions.parse(split, source="--split").model_dump()}, source="options"
    )
