"""chiasma personal MODEL --genotypes VCF --fasta F --genes F --expression F -o RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from chiasma.cli.output import emit, table


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(personal, name="personal")


def personal(
    model: str,
    /,
    *,
    genotypes: Path,
    fasta: Path,
    genes: Path,
    expression: Path,
    samples: str | None = None,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("runs/personal"),
    target: str | None = None,
    bins: int = 3,
    mode: Literal["all", "snv"] = "all",
    unphased: Literal["error", "drop"] = "error",
    one_strand: Annotated[bool, Parameter(negative="")] = False,
    frequency: float = 0.01,
    drivers: int = 1000,
    test_share: float = 0.3,
    permutations: int = 1000,
    draws: int = 1000,
    length: int | None = None,
    seed: int = 1,
    device: str = "auto",
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Does a model tell people apart? Predictions from both haplotypes against measured expression, gene by gene.

    Args:
        model: a run folder, a folder of weights, published NAME (each with :HEAD of several), or FILE.py:FUNCTION.
        genotypes: phased VCF or BCF; with an index only the genes' windows are read.
        fasta: the genome that the genotypes were called on.
        genes: GTF, GFF3, BED, or a table with the columns gene, chrom, tss (1-based) and perhaps part.
        expression: table of genes by people, either way round.
        samples: FILE[:COLUMN] with each person's population; their means are taken out.
        output: the run folder.
        target: the model's output to read; default the only one.
        bins: of models with bins, how many around the TSS are averaged.
        mode: all alleles, or substitutions of one base alone.
        unphased: what a heterozygous genotype without a phase is: an error, or a reason to leave out its site.
        one_strand: show the model one strand; default the mean over both.
        frequency: least frequency of the rarer allele, for baselines and drivers.
        drivers: most alleles of a gene scored one by one; 0 looks for no drivers.
        test_share: people whom the baselines do not see.
        permutations: of people.
        draws: of the bootstrap.
        length: bases of a window, for a model that does not say how many it reads.
        seed: root of all randomness.
        device: auto, cpu, cuda or mps.
        overwrite: replace a run of other inputs or settings.
        json: print the summary as JSON.
    """
    from chiasma.workflow.personal.measure import PersonalOptions, personal_genomes

    options = PersonalOptions(
        target=target,
        bins=bins,
        mode=mode,
        unphased=unphased,
        populations=samples,
        both_strands=not one_strand,
        frequency=frequency,
        drivers=drivers,
        test_share=test_share,
        permutations=permutations,
        draws=draws,
        length=length,
        seed=seed,
        device=device,
        overwrite=overwrite,
    )
    facts = personal_genomes(
        model, genotypes, fasta=fasta, genes=genes, expression=expression, output=output, options=options
    )
    names = list(dict.fromkeys(name for side in facts["summary"].values() for name in side))
    rows = [
        {"who": who, **{name: side[name]["value"] for name in names if name in side}}
        for who, side in facts["summary"].items()
    ]
    again = " (done before)" if facts["state"] == "complete" else ""
    words = "\n".join([facts["verdict"]["head"], *facts["verdict"]["body"]])
    emit(facts, f"{table(rows, ['who', *names])}\n{words}\n{output}{again}", as_json=json)
