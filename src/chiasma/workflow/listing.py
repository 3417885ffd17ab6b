"""What there is: methods and their cards."""

from __future__ import annotations

from typing import Any

from chiasma.core.cards import bibtex, list_cards
from chiasma.workflow.method import load_method


def list_methods() -> list[dict[str, Any]]:
    """One record a method: name, wing, title, question, parity, status. Reads cards only, imports no method."""
    return [
        {
            "name": card.name,
            "wing": card.wing,
            "title": card.title,
            "question": card.question,
            "contract": card.contract,
            "targets": list(card.targets),
            "parity": card.parity.kind,
            "status": card.status,
        }
        for card in list_cards()
    ]


def show_method(name: str) -> dict[str, Any]:
    """The whole card, each configuration field with meaning and default, the citation, and `parameters` as counted.

    `parameters` maps each preset to the trainable parameters of the network built for the method's own example;
    it is null for methods that are no networks.
    """
    method = load_method(name)
    record = method.card.model_dump(mode="json")
    if method.card.contract == "task" or method.card.parameters:
        record["parameters"] = {preset: method.parameters(preset=preset) for preset in method.presets}
    else:
        record["parameters"] = None
    fields = method.config_class.model_json_schema().get("properties", {})
    defaults = method.presets["default"]().model_dump(mode="json")
    record["config"] = {
        key: {"meaning": schema.get("description", ""), "default": defaults.get(key)} for key, schema in fields.items()
    }
    record["presets"] = list(method.presets)
    record["citation"] = bibtex(method.card)
    return record
