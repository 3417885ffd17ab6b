"""A method as the workflow sees it: its card, and its folder's modules imported when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from chiasma.core.cards import Card, find_card
from chiasma.core.config import Config
from chiasma.core.errors import unknown_name


@dataclass(frozen=True)
class Method:
    """One folder under methods/."""

    card: Card

    @property
    def name(self) -> str:
        """The name on the command line."""
        return self.card.name

    def module(self, stem: str) -> ModuleType:
        """One of the folder's modules: config, model, task, examples."""
        return import_module(f"{self.card.module}.{stem}")

    @property
    def config_class(self) -> type[Config]:
        """The method's configuration model."""
        return self.module("config").Config

    @property
    def presets(self) -> Mapping[str, Callable[[], Config]]:
        """Named configurations; always a default and a tiny one."""
        return self.module("config").PRESETS

    def configure(self, values: Mapping[str, Any] | None = None, *, preset: str = "default") -> Config:
        """The preset with some fields replaced; nested mappings are merged, `gives_way` is kept to."""
        if preset not in self.presets:
            raise unknown_name(f"preset of {self.name}", preset, self.presets)
        base = self.presets[preset]().model_dump()
        training = (values or {}).get("training", {})
        if "epochs" in training and "min_steps" not in training and "min_steps" in base.get("training", {}):
            base["training"]["min_steps"] = 0  # epochs asked for are meant, however few steps they make
        _give_way(self.config_class, base, values or {})
        return self.config_class.parse(_merge(base, values or {}), source=f"{self.name} configuration")

    def parameters(self, *, preset: str = "default") -> int | None:
        """Trainable parameters, counted on the network built for the method's own example; None for others."""
        if self.card.contract != "task" and not self.card.parameters:
            return None
        data = self.module("examples").example(0)
        if self.card.contract != "task":  # an estimator with a network inside, built for the views it is given
            return int(self.module("model").count_parameters(self.presets[preset](), data))
        model = self.module("model").build(self.presets[preset](), data.target.n_outputs)
        return sum(weights.numel() for weights in model.parameters() if weights.requires_grad)


@cache
def load_method(name: str) -> Method:
    """The method of that name, or an error that names the nearest one."""
    return Method(find_card(name))


def _give_way(kind: type[Config], base: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Put a preset's values back to their defaults where something is given that takes their place."""
    for name, other in kind.gives_way.items():
        if values.get(other) and name not in values:
            base[name] = kind.model_fields[name].get_default(call_default_factory=True)
    for name, field in kind.model_fields.items():
        inner, given = field.annotation, values.get(name)
        if isinstance(inner, type) and issubclass(inner, Config) and isinstance(given, Mapping):
            _give_way(inner, base[name], given)


def _merge(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) and old else value
    return merged
