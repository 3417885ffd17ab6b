"""chiasma variants MODEL... IN.vcf.gz --fasta F -o OUT.vcf.gz"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from chiasma.cli.output import emit, table
from chiasma.cli.standard_input import spooled


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(variants, name="variants")


def variants(
    *words: str,
    fasta: Path | None = None,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("scored.vcf.gz"),
    target: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    statistic: Literal["difference", "log2-fold", "l2"] | None = None,
    anchor: Literal["left", "centre", "right"] = "centre",
    shift: int = 0,
    one_strand: Annotated[bool, Parameter(negative="")] = False,
    stride: int | None = None,
    length: int | None = None,
    conservation: Path | None = None,
    top: int = 50,
    logos: int = 8,
    executor: str = "serial",
    workers: int = 1,
    device: str = "auto",
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Effects of a VCF's alleles on what a model says of the sequence around them, from VCF to VCF.

    Args:
        words: MODEL..., one or more, then the VCF or BCF. A MODEL is a run folder, a folder of weights,
            published NAME (each with :HEAD of several), or FILE.py:FUNCTION.
        fasta: the genome that the VCF was called on.
        output: .vcf.gz, bgzipped with an index, or .vcf; a .parquet, a .html and a .json come beside it.
        target: name of an output to score (repeatable); default all that the models share.
        statistic: default log2-fold for models with bins, else difference.
        anchor: which end of the window stays where alleles differ in length.
        shift: windows moved by up to so many bases are averaged.
        one_strand: show the model one strand; default the mean over both.
        stride: windows begin at multiples of it, so that near variants share one.
        length: bases of a window, for a model that does not say how many it reads.
        conservation: bigWig put beside the scores.
        top: variants in the report.
        logos: how many of them with logos of REF and ALT.
        executor: serial, local, dask://HOST:PORT or a batch system's FILE.toml.
        workers: processes, for local.
        device: auto, cpu, cuda or mps.
        overwrite: replace an output of other inputs or settings.
        json: print the summary as JSON.
    """
    from chiasma.core.errors import UsageError
    from chiasma.workflow.variants.score import VariantOptions, score_variants

    if len(words) < 2 or fasta is None:
        raise UsageError(
            "a model, a VCF and the genome are needed",
            got=" ".join(words) + ("" if fasta else ", no --fasta"),
            expected="chiasma variants MODEL... IN.vcf.gz --fasta GENOME.fa -o OUT.vcf.gz",
            do="see 'chiasma variants --help'",
        )
    options = VariantOptions(
        targets=target,
        statistic=statistic,
        anchor=anchor,
        shift=shift,
        both_strands=not one_strand,
        stride=stride,
        length=length,
        conservation=conservation,
        top=top,
        logos=logos,
        executor=executor,
        workers=workers,
        device=device,
        overwrite=overwrite,
    )
    facts = score_variants(words[:-1], spooled(words[-1]), fasta=fasta, output=output, options=options)
    head = table(facts["strongest"], ["name", "output", "effect", "sd", "p_sign", "status"])
    again = " (done before)" if facts["state"] == "complete" else ""
    emit(facts, f"{head}\n{facts['scored']:,} of {facts['alleles']:,} alleles scored in {output}{again}", as_json=json)
