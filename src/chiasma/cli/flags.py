"""Command-line flags made from configuration models and cards, so that no method needs a line of code here."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Group, Parameter

from chiasma.cli.standard_input import spooled
from chiasma.core.cards import Card
from chiasma.core.config import Config
from chiasma.core.errors import UsageError

INPUTS = Group("Inputs", sort_key=1)
OPTIONS = Group("Options", sort_key=2)
CONFIGURATION = Group("Configuration of the method", sort_key=3)

Flag = inspect.Parameter


def flag(
    name: str,
    kind: Any,
    *,
    help: str,
    default: Any = None,
    group: Group = OPTIONS,
    names: Sequence[str] = (),
    negative: str | None = None,
) -> Flag:
    """One keyword-only flag."""
    wanted = names or (f"--{name.replace('_', '-')}",)
    extra: dict[str, Any] = {"negative_bool": "no-"} if negative is None else {"negative": negative}
    parameter = Parameter(name=wanted, help=help, group=group, show_default=False, **extra)
    return Flag(name, Flag.KEYWORD_ONLY, default=default, annotation=Annotated[kind, parameter])


def input_flags(card: Card) -> list[Flag]:
    """A flag for each of the card's inputs; repeated ones take NAME=FILE several times."""
    flags = []
    for port in card.inputs:
        kind = list[str] | None if port.repeat else str | None
        text = (
            port.help + (" (NAME=FILE, repeatable)" if port.repeat else "") + (" [required]" if port.required else "")
        )
        flags.append(flag(port.name.replace("-", "_"), kind, help=text, group=INPUTS, negative=""))
    return flags


def read_inputs(card: Card, values: Mapping[str, Any], data: str | None) -> dict[str, Any]:
    """The inputs given: repeated ones as a mapping, the positional file as the card's first input."""
    inputs: dict[str, Any] = {}
    for port in card.inputs:
        name = port.name.replace("-", "_")
        value = values.get(name)
        if value is None:
            continue
        if port.repeat:
            inputs[name] = dict(name_and_file(port.name, text) for text in value)
        else:
            inputs[name] = spooled(str(value))
    if data is not None:
        if not card.inputs:
            raise UsageError(f"{card.name} takes no input file", got=data)
        first = card.inputs[0].name.replace("-", "_")
        if first in inputs:
            raise UsageError(f"--{card.inputs[0].name} is given twice", got=data)
        repeat = card.inputs[0].repeat
        inputs[first] = dict([name_and_file(card.inputs[0].name, data)]) if repeat else spooled(data)
    return inputs


def name_and_file(flag_name: str, text: str) -> tuple[str, str]:
    """The two halves of NAME=FILE; a MuData file names its views itself and needs no NAME."""
    name, separator, path = text.partition("=")
    if not separator and text.endswith(".h5mu"):
        return Path(text).stem, text
    if not separator or not name:
        expected = "NAME=FILE, or one .h5mu file"
        raise UsageError("a repeated input is NAME=FILE", where=f"--{flag_name}", got=text, expected=expected)
    return name, spooled(path)


def config_flags(model: type[Config], taken: set[str], *, prefix: str = "") -> list[Flag]:
    """Flags for every plain field of a configuration; nested ones as --training.epochs and, where free, --epochs."""
    flags = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Config):
            flags += config_flags(kind, taken, prefix=f"{prefix}{name}.")
            continue
        if not is_plain(kind):
            continue
        spelled = name.replace("_", "-")
        names = [f"--{prefix}{spelled}"] if prefix or spelled not in taken else []
        if prefix and spelled not in taken:
            names.append(f"--{spelled}")
        if not names:
            continue
        taken.add(spelled)
        key = f"{prefix}{name}".replace(".", "__")
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        text = f"{field.description or ''} [default: {default}]"
        if _is_choice(kind):  # left to the model, which may know more of a wrong one than that it is none of these
            text, kind = f"{text} [choices: {', '.join(get_args(kind))}]", str
        flags.append(flag(key, optional(kind), help=text, group=CONFIGURATION, names=names))
    return flags


def read_config(values: Mapping[str, Any], flags: Sequence[Flag]) -> dict[str, Any]:
    """The configuration fields that were given on the command line, nested."""
    result: dict[str, Any] = {}
    for parameter in flags:
        value = values.get(parameter.name)
        if value is None:
            continue
        target = result
        *path, last = parameter.name.split("__")
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return result


def build(function: Callable[[Mapping[str, Any]], Any], parameters: Sequence[Flag]) -> Callable[..., Any]:
    """A function of the given signature that hands all its arguments on as one mapping."""
    signature = inspect.Signature(list(parameters))

    def command(*args: Any, **kwargs: Any) -> Any:
        return function(signature.bind(*args, **kwargs).arguments)

    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings, the second one winning."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def is_plain(kind: Any) -> bool:
    """Whether a type can be one word, or a list of words, on the command line."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return all(is_plain(part) for part in get_args(kind) if part is not type(None))
    if origin in (tuple, list):
        return all(is_plain(part) for part in get_args(kind) if part is not Ellipsis)
    return origin is not dict and not (isinstance(kind, type) and issubclass(kind, (dict, Config)))


def _is_choice(kind: Any) -> bool:
    """Whether a type is one of several words."""
    return get_origin(kind) is Literal and all(isinstance(word, str) for word in get_args(kind))


def optional(kind: Any) -> Any:
    """The type, or None for a flag that was not given."""
    return kind | None
