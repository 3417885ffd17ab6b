"""chiasma simulate MODEL -o OUTPUT"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit
from chiasma.core.config import parse_settings
from chiasma.core.errors import UsageError


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
    part: str = "",
    workers: int = 1,
    region: str | None = None,
    map: Path | None = None,
    mask: Path | None = None,
    set: Annotated[list[str] | None, Parameter(negative="")] = None,
    json: bool = False,
) -> None:
    """Simulated examples with their truth: tree sequences of a method's simulator or of a population, or peaks.

    Args:
        model: a method with a simulator (haplotype-cnn), peaks, sweep, admixture, or demography:MODEL; MODEL is one of
            const, exp, im, ooa2, post_ooa, ooa3, a demes file, or SPECIES/MODEL of stdpopsim.
        output: folder for tree sequences and truth.tsv; a FASTA for peaks.
        number: how many.
        seed: example i of a seed is always the same.
        preset: preset of the configuration.
        part: I/N runs part I of N of the examples that a fit would run, into OUTPUT, which is then the fit's --cache.
        workers: processes, with --part.
        region: CONTIG:FIRST-LAST, 1-based: the stretch of a genome that --map and --mask are taken of, and its length.
        map: genetic map (HapMap, gmap, PLINK) whose rates sweep, admixture and demography have along the region.
        mask: BED of the bases that could be called; other sites of sweep and demography are left out.
        set: key=value for any configuration field, repeatable.
        json: print where it was written as JSON.
    """
    from chiasma.workflow.simulating.simulate import fill_cache, simulate as run_simulate
    from chiasma.workflow.simulating.stretches import read_stretch

    if part:
        made, fresh = fill_cache(
            model,
            output=output,
            part=_part(part),
            seed=seed,
            workers=workers,
            config=parse_settings(set or []),
            preset=preset,
        )
        record = {"output": output, "number": made, "run": fresh}
        emit(record, f"{made:,} examples in {output}, {fresh:,} of them run now", as_json=json)
        return
    path = run_simulate(
        model,
        output=output,
        number=number,
        seed=seed,
        config=parse_settings(set or []),
        preset=preset,
        stretch=read_stretch(region, map=map, mask=mask),
    )
    emit({"output": path, "number": number}, f"{number:,} examples in {path}", as_json=json)


def _part(text: str) -> tuple[int, int]:
    i, _, n = text.partition("/")
    if not (i.isdigit() and n.isdigit()):
        raise UsageError("not a part", where="--part", got=text, expected="I/N, such as 2/8")
    return int(i), int(n)
