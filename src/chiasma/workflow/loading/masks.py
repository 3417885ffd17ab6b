"""Which mask of accessible bases a model learnt with, and whether what it is put to wears the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chiasma.core.config import Config
from chiasma.core.files import content_hash


def mask_of_fit(config: Config, inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """Name and SHA-256 of the mask that simulated regions wear: an input, or a file of the configuration; or None."""
    named = [path for field, path in config.named_files().items() if field.rpartition(".")[2] == "mask"]
    path = inputs.get("mask") or next(iter(named), None)
    return None if path is None else _describe(path)


def mask_remarks(learnt: Mapping[str, str] | None, given: Path | str | None) -> list[str]:
    """A line where windows wear another mask than the regions that a model learnt from.

    Args:
        learnt: what `mask_of_fit` told when the model was fitted.
        given: the mask of what is read now.
    """
    worn = None if given is None else _describe(given)
    if learnt is None:
        line = "so fewer sites, and the model learnt from regions without: fit again with --mask"
        return [] if worn is None else [f"warning: these windows have the holes of a mask ({worn['name']}), {line}"]
    if worn is None:
        line = "and these windows have none, so more sites: give the mask of these data (--mask)"
        return [f"warning: the model learnt from regions with the holes of a mask ({learnt['name']}), {line}"]
    if learnt["sha256"] == worn["sha256"]:
        return []
    return [f"the model learnt from regions with the holes of another mask ({learnt['name']}) than {worn['name']}"]


def _describe(path: Path | str) -> dict[str, str]:
    return {"name": Path(path).name, "sha256": content_hash(path)}
