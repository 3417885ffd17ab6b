"""Where a result came from: versions, machine, command, inputs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from chiasma.core.files import content_hash

_PACKAGES = (
    *("chiasma", "numpy", "scipy", "pandas", "scikit-learn", "torch", "lightning-fabric", "pydantic"),
    *("msprime", "tskit", "anndata", "mudata", "pysam", "modisco-lite", "memelite"),
)
"""Distributions whose version shapes a result."""


def versions() -> dict[str, str]:
    """Installed versions of the packages that shape a result; absent ones are left out. Imports none of them."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe_inputs(inputs: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Path, size and SHA-256 of every input that is a file; other values as text."""
    described = {}
    for name, value in inputs.items():
        path = Path(str(value))
        if os.path.exists(path):  # False, and no error, for a text that is no possible path
            size = path.stat().st_size if path.is_file() else None
            described[name] = {"path": str(value), "bytes": size, "sha256": content_hash(path)}
        else:
            described[name] = {"value": str(value)}
    return described


def provenance(inputs: Mapping[str, object]) -> dict[str, Any]:
    """The record written to provenance.json when a run begins."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": versions(),
        "inputs": describe_inputs(inputs),
    }
