"""chiasma: machine learning on your own genomic files.

It tells you whether a neural network really beats the simple method, by how much and why, and then puts the winner to
work. The functions live in `chiasma.workflow`; the command line is `chiasma --help`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("chiasma")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
