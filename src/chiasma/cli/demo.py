"""chiasma demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(demo, name="demo")


def demo(
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("runs/demo"),
    seed: int = 1,
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """The main job, end to end, in about two minutes on two cores.

    A small CNN learns CTCF peaks against dinucleotide-shuffled twins, chromosomes apart, beside the simple rivals;
    the peaks are real where they can be had, else simulated, and it says which.

    Args:
        output: run folder.
        seed: root of all randomness.
        overwrite: begin again.
        json: print the result as JSON.
    """
    from chiasma.workflow.demonstrating import demo as run_demo

    found = run_demo(output=output, seed=seed, overwrite=overwrite)
    result = found.result
    record = {"run": result.path, "peaks": found.peaks, "verdict": result.verdict, "report": result.report}
    text = f"peaks: {found.peaks}\n{result.verdict}\n\nopen this page: {result.report}"
    emit(record, text, as_json=json)
