"""The Python API: everything the command line can do, as functions.

from chiasma.workflow import fit, load_run
run = fit("cnn", {"positives": "peaks.fa.gz", "negatives": "shuffled"}, output="runs/mine")
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "audit": "auditing",
    "check_weights": "weights_check",
    "cite": "citing",
    "compare": "comparing",
    "demo": "demonstrating",
    "design": "designing",
    "explain": "explaining",
    "fit": "fitting",
    "get_weights": "weights",
    "list_methods": "listing",
    "list_weights": "weights",
    "load_fitted": "fitted",
    "new_method": "scaffolding",
    "personal_genomes": "personal",
    "predict": "predicting",
    "report": "citing",
    "resolve_model": "model",
    "reproduce": "reproducing",
    "score_variants": "variants",
    "show_method": "listing",
    "simulate": "simulating",
}
__all__ = sorted(_HOME)  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
