"""Configuration: frozen pydantic models, one per method, the same from Python, a TOML file and the command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from chiasma.core.errors import UsageError, nearest
from chiasma.core.files import plain, text_hash


class Config(BaseModel):
    """Base of every configuration: frozen, unknown keys refused, each field with meaning and unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    reads_files: ClassVar[tuple[str, ...]] = ()
    """Fields that name a file whose contents shape the result, or nothing."""

    gives_way: ClassVar[Mapping[str, str]] = {}
    """Fields of which a preset's value gives way to the default where another field is given: {field: the other}."""

    def named_files(self) -> dict[str, str]:
        """Paths of the files that are named, here and in nested configurations, by dotted field."""
        found = {name: str(path) for name in self.reads_files if (path := getattr(self, name))}
        for name in type(self).model_fields:
            inner = getattr(self, name)
            if isinstance(inner, Config):
                found |= {f"{name}.{key}": path for key, path in inner.named_files().items()}
        return found

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, source: str = "configuration") -> Self:
        """Build from a mapping; all that is wrong is reported at once.

        Raises:
            UsageError: one line a problem, `source: key: message (got value)`, nearest names for unknown keys.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise UsageError(_describe(cls, error, source)) from error

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).parse({**self.model_dump(), **changes})

    def digest(self, *more: str) -> str:
        """Twelve hexadecimal digits that name this configuration, and whatever text is added."""
        return text_hash(json.dumps(plain(self.model_dump(mode="json")), sort_keys=True), *more)[:12]


_OF_ALL = ("value_error", "missing")
"""Problems of a model as a whole, whose input would be all of it; the message names the fields."""


def _describe(cls: type[BaseModel], error: ValidationError, source: str) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or cls.__name__
        if problem["type"] == "extra_forbidden":
            known = _fields_at(cls, problem["loc"][:-1])
            close = nearest(key.split(".")[-1], known)
            hint = f"did you mean {close!r}?" if close else "known keys: " + ", ".join(sorted(known))
            lines.append(f"{source}: {key}: unknown key; {hint}")
        elif problem["type"] in _OF_ALL and isinstance(problem["input"], Mapping | BaseModel):
            lines.append(f"{source}: {key}: {problem['msg']}")
        else:
            lines.append(f"{source}: {key}: {problem['msg']} (got {problem['input']!r})")
    return "\n".join(lines)


def _fields_at(cls: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Names of the fields of the nested model that a path leads to; of the outermost where it leads to none."""
    model = cls
    for part in path:
        field = model.model_fields.get(str(part))
        kind = None if field is None else field.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            break
        model = kind
    return list(model.model_fields)


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file, or say where it is broken."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError("no such configuration file", where=path, do="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "not valid TOML", where=path, got=error, expected='lines such as key = 3 or key = "text"'
        ) from error


def dump_toml(values: Mapping[str, Any]) -> str:
    """TOML text of nested mappings; None is left out (TOML has no null), numpy and tuples are made plain."""
    import tomli_w

    def clean(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: clean(value) for key, value in item.items() if value is not None}
        return [clean(value) for value in item] if isinstance(item, list) else item

    return tomli_w.dumps(clean(plain(dict(values))))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`key=value` texts, dotted keys allowed, as a nested mapping; values are read as TOML, else as text."""
    result: dict[str, Any] = {}
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not key.strip():
            raise UsageError("not a setting", where="--set", got=setting, expected="key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        target = result
        *path, last = key.strip().replace("-", "_").split(".")
        for part in path:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise _contradiction(setting, part)
        if isinstance(target.get(last), dict) and not isinstance(value, dict):
            raise _contradiction(setting, last)
        target[last] = value
    return result


def _contradiction(setting: str, key: str) -> UsageError:
    return UsageError(
        f"{key!r} is given both a value and fields of its own",
        where="--set",
        got=setting,
        expected=f"either {key}=VALUE or {key}.FIELD=VALUE",
    )
