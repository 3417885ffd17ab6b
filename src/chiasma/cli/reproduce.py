"""chiasma reproduce EXPERIMENT"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(reproduce, name="reproduce")


def reproduce(
    experiment: str | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    seed: int | None = None,
    json: bool = False,
) -> int:
    """A paper's or a lab's result, each figure held against what is expected; exits with 4 where one does not hold.

    Args:
        experiment: a TOML file or a name; without one, the names there are.
        output: where its runs go; default runs/EXPERIMENT.
        seed: overrides the seed of every step.
        json: print the result as JSON.
    """
    from chiasma.workflow.reproducing.reproduce import (
        as_markdown,
        list_experiments,
        load_experiment,
        reproduce as run_reproduce,
    )

    if experiment is None:
        names = list_experiments()
        shown = "\n".join(
            f"{name:<28}{load_experiment(name).title} ({load_experiment(name).minutes})" for name in names
        )
        emit(names, shown, as_json=json)
        return 0
    record = run_reproduce(experiment, output=output, seed=seed)
    emit(record, as_markdown(record), as_json=json)
    return 0 if record["holds"] else 4
