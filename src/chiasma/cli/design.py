"""chiasma design MODEL [SEQUENCES] --second MODEL -o out.fa"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from chiasma.cli.output import emit, table


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(design, name="design")


def design(
    model: str,
    data: str | None = None,
    /,
    *,
    fasta: Path | None = None,
    second: str | None = None,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("designed.fa"),
    aim: str = "raise",
    target: str | None = None,
    second_target: str | None = None,
    search: Literal["greedy", "beam", "gradient"] = "greedy",
    steps: int = 20,
    width: int = 5,
    gc: Annotated[tuple[float, float], Parameter(negative="")] = (0.0, 1.0),
    longest_run: int | None = None,
    forbid: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    require: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    starts: int = 10,
    length: int | None = None,
    seed: int = 1,
    json: bool = False,
) -> None:
    """Sequences evolved towards an activity, under rules, and what a second model says of them.

    Args:
        model: a run folder, a folder of weights, published NAME (each with :HEAD of several), or FILE.py:FUNCTION.
        data: sequences to begin with (FASTA, or BED with --fasta); random ones without.
        fasta: the genome, for BED.
        second: a model that takes no part in the search and is asked at the end.
        output: FASTA to write; a .tsv and a .json with the figures come beside it.
        aim: raise or lower the model's output, or a number to come close to.
        target: name of the output; default the last class, or the first of other outputs.
        second_target: of the second model; default the output of the same name.
        search: the best edit each round, the best few sequences, or gradients and then edits.
        steps: most edits of a sequence.
        width: of the beam.
        gc: least and most share of G and C.
        longest_run: most equal bases in a row.
        forbid: a word that may stand on neither strand (repeatable).
        require: a word that must stand on one strand (repeatable).
        starts: how many sequences are evolved.
        length: of random ones; default what the model reads.
        seed: root of all randomness.
        json: print the figures as JSON.
    """
    from chiasma.core.errors import UsageError
    from chiasma.workflow.designing import DesignOptions, design as run_design

    try:
        wanted = aim if aim in ("raise", "lower") else float(aim)
    except ValueError as error:
        raise UsageError("not an aim", where="--aim", got=aim, expected="raise, lower or a number") from error
    options = DesignOptions(
        aim=wanted,  # type: ignore[arg-type]
        target=target,
        second_target=second_target,
        search=search,
        steps=steps,
        width=width,
        gc=gc,
        longest_run=longest_run,
        forbidden=forbid,
        required=require,
        starts=starts,
        length=length,
        seed=seed,
    )
    facts = run_design(model, {"input": data, "fasta": fasta}, output=output, options=options, second=second)
    rows = facts["designs"]
    columns = ["id", "before", "after", "edits", *(["second_before", "second_after"] if second else []), "problems"]
    emit(facts, f"{table(rows, columns)}\n{len(rows)} designs in {output}", as_json=json)
