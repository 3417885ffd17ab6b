"""The Python API: everything the command line can do, as functions.

from chiasma.workflow import fit, load_run
run = fit("cnn", {"positives": "peaks.fa.gz", "negatives": "shuffled"}, output="runs/mine")
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "audit": "auditing.audit",
    "check_weights": "weights.check",
    "cite": "citing",
    "compare": "comparing.compare",
    "demo": "demonstrating",
    "design": "designing",
    "explain": "explaining.explain",
    "fit": "fitting.fit",
    "get_weights": "weights.get",
    "list_methods": "listing",
    "list_weights": "weights.get",
    "load_fitted": "fitted",
    "new_method": "scaffolding",
    "personal_genomes": "personal.measure",
    "predict": "predicting.predict",
    "report": "citing",
    "resolve_model": "model",
    "reproduce": "reproducing.reproduce",
    "score_variants": "variants.score",
    "show_method": "listing",
    "simulate": "simulating.simulate",
}
__all__ = sorted(_HOME)  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
