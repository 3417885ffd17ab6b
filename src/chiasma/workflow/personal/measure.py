"""`personal`: does a model tell people apart by their genomes? Phased genotypes and expression to a run folder."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import content_hash, read_json, write_json
from chiasma.core.provenance import provenance, versions
from chiasma.io.genome import Genome, open_genome
from chiasma.io.phased import indexed_contigs
from chiasma.io.tables import split_column
from chiasma.run.folder import RunFolder
from chiasma.workflow.model import OwnModel, resolve_model
from chiasma.workflow.personal.genes import GeneStudy, StudyRules, study_gene
from chiasma.workflow.personal.inputs import People, match_people, read_genes
from chiasma.workflow.personal.predictions import Reading, gene_windows, make_reading
from chiasma.workflow.personal.summary import Judged, judge, write_tables
from chiasma.workflow.variants.identity import model_identity
from chiasma.workflow.variants.models import make_scorer


@dataclass(frozen=True)
class PersonalOptions:
    """How a model is judged on personal genomes.

    Attributes:
        target: the model's output to read; None is the only one.
        bins: of models with bins, how many around the TSS are averaged.
        mode: all alleles, or substitutions of one base alone.
        unphased: whether a heterozygous genotype without a phase is an error or leaves out its site.
        populations: FILE[:COLUMN] of each person's population; their means are taken out.
        both_strands: the mean over strands.
        frequency: least frequency of the rarer allele, for baselines and drivers.
        drivers: most alleles of a gene scored one by one; 0 looks for none.
        test_share: people whom the baselines do not see.
        permutations, draws: of people; see `across_people`.
        length: bases of a window, for models that do not say.
        seed: root of all randomness.
        device: auto, cpu, cuda or mps.
        overwrite: replace a run of other inputs or settings.
    """

    target: str | None = None
    bins: int = 3
    mode: Literal["all", "snv"] = "all"
    unphased: Literal["error", "drop"] = "error"
    populations: Path | str | None = None
    both_strands: bool = True
    frequency: float = 0.01
    drivers: int = 1000
    test_share: float = 0.3
    permutations: int = 1000
    draws: int = 1000
    length: int | None = None
    seed: int = 1
    device: str = "auto"
    overwrite: bool = False


def personal_genomes(
    model: Any,
    genotypes: Path | str,
    *,
    fasta: Path | str,
    genes: Path | str,
    expression: Path | str,
    output: Path | str,
    options: PersonalOptions | None = None,
) -> dict[str, Any]:
    """Predict every person's expression of every gene from both haplotypes, and set it beside what was measured.

    Work goes on in RUN.partial, a file a gene; the same call resumes.

    Args:
        model: what `resolve_model` takes: reads sequences, gives an output or tracks.
        genotypes: phased VCF or BCF.
        fasta: the genome that the genotypes were called on.
        genes: see `read_genes`.
        expression: table of genes by people, either way round.
        output: the run folder.
        options: what is read of the model, which alleles count, how it is judged.

    Returns:
        what is written to RUN/personal.json.

    Raises:
        NotTrainedError: a method's name. UsageError: a model without the output, options out of range.
        MismatchError: nothing in common, or another build. FormatError: unphased, of different ploidy.
    """
    options = options or PersonalOptions()
    inputs = {"genotypes": genotypes, "fasta": fasta, "genes": genes, "expression": expression}
    _require(inputs, options)
    run = RunFolder.open(output, identity=_identity(model, inputs, options), overwrite=options.overwrite)
    if run.state == "complete":
        return read_json(run.path / "personal.json") | {"state": "complete"}
    try:
        facts = _work(run, model, inputs, options)
        run.finish()
        return facts
    finally:
        run.discard()
        run.release()


def _require(inputs: dict[str, Path | str], options: PersonalOptions) -> None:
    for name, path in inputs.items():
        if not Path(path).exists():
            raise UsageError("no such file", where=f"--{name}", got=path, expected="a file", do="check the path")
    if not 0 < options.test_share < 1:
        raise UsageError(
            "not a share",
            where="--test-share",
            got=options.test_share,
            expected="between 0 and 1",
            do="give a share such as 0.3",
        )
    if not 0 <= options.frequency < 0.5:
        raise UsageError(
            "not a frequency",
            where="--frequency",
            got=options.frequency,
            expected="0 to 0.5",
            do="give one such as 0.01",
        )
    for name in ("drivers", "permutations", "draws"):
        if (value := getattr(options, name)) < (0 if name == "drivers" else 1):
            least = "0 (none are looked for) or more" if name == "drivers" else "1 or more"
            raise UsageError(
                "not a number of them", where=f"--{name}", got=value, expected=least, do=f"give --{name} 1000"
            )


def _identity(model: Any, inputs: dict[str, Path | str], options: PersonalOptions) -> dict[str, Any]:
    """What makes this work this work; a model in memory is never the same again."""
    named = model_identity(model) if isinstance(model, (str, Path)) else f"{model_identity(model)} at {time.time_ns()}"
    known = {name: content_hash(path) for name, path in inputs.items()}
    settings = {key: value for key, value in asdict(options).items() if key not in ("overwrite", "device")}
    if options.populations is not None:
        settings["populations"] = f"{options.populations} {content_hash(split_column(options.populations)[0])}"
    return {"verb": "personal", "model": named, "inputs": known, "settings": settings, "version": versions()["chiasma"]}


def _work(run: RunFolder, model: Any, inputs: dict[str, Path | str], options: PersonalOptions) -> dict[str, Any]:
    found = resolve_model(model)
    scorer = make_scorer(found if isinstance(found, OwnModel) else model, length=options.length, device=options.device)
    reading = make_reading(scorer, target=options.target, bins=options.bins, both_strands=options.both_strands)
    genome = open_genome(inputs["fasta"])
    people = match_people(
        inputs["genotypes"],
        read_genes(inputs["genes"]),
        inputs["expression"],
        genome=genome,
        populations=options.populations,
        test_share=options.test_share,
        seed=options.seed,
    )
    remarks = _remarks(people, reading, genome, inputs)
    for line in [*remarks, *map(str, people.skips)]:
        print(line, file=sys.stderr, flush=True)
    studies = _studies(run, reading, genome, people, (inputs["genotypes"], options))
    judged = judge(people, studies, options=options)
    facts = _facts(judged, people, reading, options) | {"remarks": remarks + judged.remarks}
    more: dict[str, Path | str] = {}
    if options.populations is not None:
        more["populations"] = split_column(options.populations)[0]
    write_json(run.work / "provenance.json", provenance(inputs | more))
    write_tables(run.work, judged, people)
    _write_page(run, facts, judged, people)
    write_json(run.work / "personal.json", facts)
    return facts


def _studies(
    run: RunFolder, reading: Reading, genome: Genome, people: People, source: tuple[Path | str, PersonalOptions]
) -> list[GeneStudy]:
    """Every gene, those already on disk read from there."""
    genotypes, options = source
    folder = run.work / "genes"
    folder.mkdir(exist_ok=True)
    rules = StudyRules(options.frequency, options.drivers, options.seed)
    studies = []
    for row in range(len(people.genes)):
        stage = f"gene {row + 1}"
        arrays, record = folder / f"{row + 1}.npz", folder / f"{row + 1}.json"
        if not run.done(stage):
            gene = str(people.genes.name[row])
            print(f"gene {row + 1} of {len(people.genes)}: {gene}", file=sys.stderr, flush=True)
            with run.stage(stage):
                material = gene_windows(
                    genotypes,
                    genome,
                    (str(people.genes.contig[row]), int(people.genes.tss[row])),
                    length=reading.scorer.length,
                    samples=people.samples,
                    mode=options.mode,
                    unphased=options.unphased,
                )
                study = study_gene(gene, reading, material, people.expression[row], test=people.test, rules=rules)
                np.savez(arrays, predicted=study.predicted, baselines=study.baselines, pair=study.pair)
                write_json(record, study.facts)
        with np.load(arrays) as held:
            studies.append(GeneStudy(held["predicted"], held["baselines"], held["pair"], read_json(record)))
    return studies


def _remarks(people: People, reading: Reading, genome: Genome, inputs: dict[str, Path | str]) -> list[str]:
    found = [text] if (text := genome.notes.get("contigs")) else []
    scorer = reading.scorer
    before = scorer.length // 2
    contig = genome.contig_indices(people.genes.contig)
    over = (people.genes.tss < before) | (people.genes.tss - before + scorer.length > genome.lengths[contig])
    if over.any():
        text = f"{int(over.sum()):,} genes whose window of {scorer.length:,} bases reaches over the contig's edge"
        found.append(f"{text}: N there")
    if scorer.bin and scorer.pair is None and len(reading.strands) == 1 and reading.both_strands:
        found.append(f"{scorer.name} names no strand_pair of its tracks: one strand was shown")
    if indexed_contigs(inputs["genotypes"]) is None and len(people.genes) > 1:
        found.append(f"the genotypes have no index and are read {len(people.genes):,} times: bgzip and tabix them")
    return found


def _facts(judged: Judged, people: People, reading: Reading, options: PersonalOptions) -> dict[str, Any]:
    scorer = reading.scorer
    return judged.facts | {
        "state": "new",
        "model": {
            "name": scorer.name,
            "output": scorer.names[reading.output],
            "unit": scorer.unit,
            "length": scorer.length,
            "bin": scorer.bin or None,
            "bins": reading.bins if scorer.bin else None,
            "strands": len(reading.strands),
        },
        "mode": options.mode,
        "populations": str(options.populations) if people.groups is not None else "",
        "permutations": options.permutations,
        "draws": options.draws,
    }


def _write_page(run: RunFolder, facts: dict[str, Any], judged: Judged, people: People) -> None:
    from chiasma.plot.personal import beside_baseline, correlation_histogram, gene_scatter
    from chiasma.plot.style import save_figure
    from chiasma.report.personal import write_personal_page

    across = judged.across
    figures = [
        correlation_histogram(across.pearson, across.right, across.wrong, null_mean=across.null_mean),
        beside_baseline(judged.on_test["model"].pearson, judged.on_test["elastic-net"].pearson, name="the elastic net"),
    ]
    if not np.isnan(across.pearson).all():
        top = int(np.nanargmax(np.abs(across.pearson)))
        name, r = str(people.genes.name[top]), float(across.pearson[top])
        figures.append(gene_scatter(judged.predicted[top], people.expression[top], gene=name, r=r))
    (run.work / "figures").mkdir(exist_ok=True)
    for figure in figures:
        save_figure(run.work / "figures", figure)
    write_personal_page(run.work / "report.html", facts, judged.rows, figures, version=versions()["chiasma"])
