"""chiasma predict MODEL INPUT -o OUTPUT"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from chiasma.cli.flags import name_and_file
from chiasma.cli.output import emit, say
from chiasma.cli.standard_input import spooled

_FIRST = 5
"""Rows of the summary that --json prints beside --output."""


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(predict, name="predict")


def predict(
    model: str,
    data: str | None = None,
    /,
    *,
    view: Annotated[list[str] | None, Parameter(negative="")] = None,
    fasta: Path | None = None,
    region: str | None = None,
    samples: str | None = None,
    mask: Path | None = None,
    ancestral: str | None = None,
    map: Path | None = None,
    phased: Annotated[bool, Parameter(negative="")] = False,
    study: str | None = None,
    track: Annotated[list[str] | None, Parameter(negative="")] = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    device: str = "auto",
    seed: int = 1,
    json: bool = False,
) -> None:
    """Put a fitted model to work; probabilities are calibrated as they were in its run.

    Args:
        model: a run folder, a folder of weights, published NAME (each with :HEAD of several), or FILE.py:FUNCTION.
        data: FASTA, BED (with --fasta), VCF, tree sequence, matrix: what the method takes.
        view: NAME=FILE for methods of several views, repeatable; a view may be left out.
        fasta: the genome, for BED and for bigWig.
        region: CONTIG[:START-END], 1-based as in other tools, for genotypes.
        samples: sample table F[:COLUMN[=VALUE]] for genotypes.
        mask: BED of callable bases, for genotypes; other sites, and windows mostly of such, are left out.
        ancestral: ancestral alleles for genotypes: AA (the file's INFO AA), a FASTA, a VCF with INFO AA, or a table.
        map: genetic map (HapMap, gmap, PLINK) for genotypes; windows then tell their recombination rate.
        phased: genotypes in scikit-allel's HDF5, which does not tell, are phased.
        study: FILE or FILE:COLUMN, study of each new sample by id, for methods fitted with studies.
        track: of networks that give tracks along windows, those wanted, repeatable; bigWig and bedGraph hold one.
        output: .parquet .tsv .csv .json .h5ad .zarr .h5mu .bed .bedgraph or .bw (with --fasta); else stdout.
        device: auto, cpu, cuda or mps.
        seed: root of any random choice.
        json: print the predictions as JSON; with --output a summary: path, count, columns, the first rows.
    """
    from chiasma.workflow.predicting.predict import predict as run_predict

    inputs: dict[str, Any] = {
        "input": None if data is None else spooled(data),
        "fasta": fasta,
        "region": region,
        "samples": samples,
        "mask": mask,
        "ancestral": ancestral,
        "map": map,
        "phased": phased or None,
        "study": study,
    }
    if view:
        inputs["view"] = dict(name_and_file("view", text) for text in view)
    columns, skips = run_predict(model, inputs, output=output, device=device, seed=seed, tracks=track or ())
    for skip in skips:
        say(str(skip))
    names, count = list(columns), len(columns["id"])
    shown = {name: values if output is None else values[:_FIRST] for name, values in columns.items()}
    rows = [dict(zip(names, row, strict=True)) for row in zip(*shown.values(), strict=True)]
    if output is None:
        body = "\n".join("\t".join(_text(value) for value in row.values()) for row in rows)
        emit(rows, "\t".join(names) + "\n" + body, as_json=json)
    elif json:
        emit({"output": output, "count": count, "columns": names, "first": rows}, "", as_json=True)
    say(f"{count:,} predictions{f' in {output}' if output else ''}")


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
