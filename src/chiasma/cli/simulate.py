"""chiasma simulate MODEL -o OUTPUT"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit
from chiasma.core.config import parse_settings


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(simulate, name="simulate")


def simulate(
    model: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    number: Annotated[int, Parameter(name=("--number", "-n"))] = 100,
    seed: int = 1,
    preset: str = "default",
    set: Annotated[list[str] | None, Parameter(negative="")] = None,
    json: bool = False,
) -> None:
    """Simulated examples with their truth: tree sequences of a method's simulator, or peaks.

    Parameters
    ----------
    model: a method with a simulator (haplotype-cnn), or peaks.
    output: folder for tree sequences and truth.tsv; a FASTA for peaks.
    number: how many.
    seed: example i of a seed is always the same.
    preset: preset of the configuration.
    set: key=value for any configuration field, repeatable.
    json: print where it was written as JSON.
    """
    from chiasma.workflow.simulating import simulate as run_simulate

    path = run_simulate(model, output=output, number=number, seed=seed, config=parse_settings(set or []), preset=preset)
    emit({"output": path, "number": number}, f"{number:,} examples in {path}", as_json=json)
