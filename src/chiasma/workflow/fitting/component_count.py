"""How many components a method found of those that were asked for."""

from __future__ import annotations

from typing import Any

from chiasma.core.config import Config
from chiasma.core.errors import list_some
from chiasma.workflow.fitting.head import representation_of


def component_facts(config: Config, model: Any) -> dict[str, int]:
    """`asked` and `found` components, or nothing where the method does not count its own (`n_components_`)."""
    found = getattr(representation_of(model), "n_components_", None)
    asked = getattr(config, "ncomp", None)
    return {} if asked is None or found is None else {"asked": int(asked), "found": int(found)}


def component_remarks(facts: dict[str, int]) -> list[str]:
    """A line that counts and names the components that the training part could not fill."""
    if not facts or facts["found"] >= facts["asked"]:
        return []
    absent = [str(number + 1) for number in range(facts["found"], facts["asked"])]
    return [
        f"{facts['asked']} components were asked for, {facts['found']} found: the training part holds no more "
        f"(nothing is left for component {list_some(absent)})"
    ]
