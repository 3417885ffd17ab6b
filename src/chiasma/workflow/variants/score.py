"""`variants`: effects of a VCF's alleles by one model or several, from VCF to VCF."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.core.files import content_hash, text_hash, write_json
from chiasma.core.provenance import describe_inputs, versions
from chiasma.encode.variant_alleles import Alleles, check_alleles
from chiasma.encode.variant_build import require_build
from chiasma.encode.variant_windows import Anchor
from chiasma.io.variant_records import VariantRecords, read_variants
from chiasma.io.vcf_write import require_vcf_name, write_vcf
from chiasma.workflow.variants.chunks import open_partial, scored_chunks
from chiasma.workflow.variants.identity import beside, done_before, model_identity, work_identity
from chiasma.workflow.variants.models import Scorer
from chiasma.workflow.variants.output import Scored, info_fields, info_values, write_parquet
from chiasma.workflow.variants.scores import SIGNED, Plan, Statistic, workbench
from chiasma.workflow.variants.summary import choose_outputs, summarise

STATISTICS = {
    "difference": "value of ALT minus value of REF (of models with bins, the sums over bins)",
    "log2-fold": "log2 of (ALT + 1) over (REF + 1), of the sums over bins",
    "l2": "root of the sum over bins of squared differences of log2 (x + 1); has no sign",
}


@dataclass(frozen=True)
class VariantOptions:
    """How variants are scored.

    Attributes:
        targets: names of outputs; none are all that the models share.
        statistic: difference, log2-fold or l2; None takes log2-fold for models with bins, else difference.
        anchor: which end of the window stays in place where alleles differ in length.
        shift: windows moved by -shift to +shift bases are averaged.
        both_strands: average over strands.
        stride: see `Plan`.
        length: bases of a window, for models that do not say.
        conservation: bigWig whose values are put beside the scores.
        top: alleles in the report.
        logos: of these with REF and ALT logos.
        executor, workers: see `chiasma.run.executor`.
        device: auto, cpu, cuda or mps.
        overwrite: replace the output of other inputs or settings.
    """

    targets: tuple[str, ...] = ()
    statistic: Statistic | None = None
    anchor: Anchor = "centre"
    shift: int = 0
    both_strands: bool = True
    stride: int | None = None
    length: int | None = None
    conservation: Path | str | None = None
    top: int = 50
    logos: int = 8
    executor: str = "serial"
    workers: int = 1
    device: str = "auto"
    overwrite: bool = False


def score_variants(
    models: Sequence[Any],
    vcf: Path | str,
    *,
    fasta: Path | str,
    output: Path | str,
    options: VariantOptions | None = None,
) -> dict[str, Any]:
    """Score the alleles of a VCF and write OUT.vcf.gz with an index, OUT.parquet, OUT.html and OUT.json.

    Work goes on in OUT.vcf.gz.partial, a chunk of alleles a file; the same call resumes.

    Args:
        models: what `resolve_model` takes, one or more; their effects are averaged, and their spread is told.
        vcf: VCF or BCF.
        fasta: the genome.
        output: .vcf.gz (bgzipped, indexed) or .vcf.
        options: outputs, statistic, windows, where it runs.

    Returns:
        what is written to OUT.json.

    Raises:
        NotTrainedError: a method's name. UsageError: not models of sequences, or nothing in common.
        MismatchError: the VCF is of another build. InsufficientDataError: no allele can be scored.
    """
    options = options or VariantOptions()
    output = Path(output)
    require_vcf_name(output)
    plan = _plan(models, vcf, fasta, options)
    scorers, genome = workbench(plan)
    outputs, remarks = choose_outputs(scorers, options.targets)
    plan = replace(plan, outputs=outputs)
    identity = work_identity(plan, vcf, conservation=options.conservation, page=(options.top, options.logos))
    if (done := done_before(output, identity, overwrite=options.overwrite)) is not None:
        return done
    records = read_variants(vcf)
    alleles = check_alleles(records, genome, longest=min(scorer.length for scorer in scorers) // 2)
    remarks += require_build(records, alleles, genome) + _remarks(scorers, plan, alleles, genome)
    rows = _genome_order(alleles)
    if not len(rows):
        raise InsufficientDataError(
            "no allele can be scored",
            where=vcf,
            got="; ".join(map(str, alleles.skips(records))),
            expected="one allele or more that fits the genome",
            do="check that --fasta is what the VCF was called on",
        )
    statistic = _statistic(plan, scorers)
    unit = scorers[0].unit if statistic == "difference" else ""
    conservation, more = _conservation(records, alleles, options)
    for line in [*remarks, *map(str, alleles.skips(records)), *more]:
        print(line, file=sys.stderr, flush=True)
    work = Path(f"{output}.partial")
    open_partial(work, identity, overwrite=options.overwrite)
    parts = scored_chunks(plan, alleles, rows, folder=work, executor=options.executor, workers=options.workers)
    summary = summarise(parts, signed=statistic in SIGNED)
    words = STATISTICS[statistic] + (f", in {unit}" if unit else "")
    scored = Scored(records, alleles, rows, summary, outputs, words, conservation, remarks)
    facts = _facts(scored, scorers, plan, identity) | {"files": {}}
    given = {"vcf": vcf, "fasta": fasta, "conservation": options.conservation}
    facts["inputs"] = describe_inputs({name: path for name, path in given.items() if path is not None})
    _write(output, scored, facts, plan, options)
    shutil.rmtree(work, ignore_errors=True)
    return facts


def _plan(models: Sequence[Any], vcf: Path | str, fasta: Path | str, options: VariantOptions) -> Plan:
    if not models:
        raise UsageError("no model", expected="one MODEL or more", do="chiasma variants MODEL... IN.vcf.gz --fasta F")
    for name, path in (("IN.vcf", vcf), ("--fasta", fasta)):
        if not Path(path).exists():
            raise UsageError("no such file", where=name, got=path, expected="a file", do="check the path")
    named = tuple(str(model) if isinstance(model, (str, Path)) else model for model in models)
    if options.executor != "serial" and not all(isinstance(model, str) for model in named):
        raise UsageError("workers need models by name", got="a model in memory", do="use --executor serial")
    if options.shift < 0 or (options.stride is not None and options.stride < 1):
        raise UsageError(
            "not a number of bases",
            where="--shift, --stride",
            got=f"shift {options.shift}, stride {options.stride}",
            expected="shift 0 or more, stride 1 or more",
            do="give whole numbers of bases",
        )
    stamp = text_hash(*map(model_identity, named), content_hash(fasta))
    return Plan(
        models=named,
        fasta=str(fasta),
        stamp=stamp,
        statistic=options.statistic,
        anchor=options.anchor,
        shifts=tuple(range(-options.shift, options.shift + 1)),
        both_strands=options.both_strands,
        stride=options.stride,
        length=options.length,
        device=options.device,
    )


def _statistic(plan: Plan, scorers: Sequence[Scorer]) -> Statistic:
    """The one statistic of all models."""
    for scorer in scorers:
        if plan.stride_of(scorer) > scorer.length // 4:
            raise UsageError(
                "windows too far apart for variants to lie well inside",
                where="--stride",
                got=f"{plan.stride_of(scorer):,}",
                expected=f"at most a quarter of the window, {scorer.length // 4:,}",
                do="give a smaller one, or none",
            )
    kinds = {plan.statistic_of(scorer) for scorer in scorers}
    if len(kinds) > 1:
        raise UsageError("models with and without bins", got=", ".join(sorted(kinds)), do="give --statistic difference")
    return kinds.pop()


def _genome_order(alleles: Alleles) -> np.ndarray:
    """Alleles that can be scored, by place: neighbours share windows."""
    rows = alleles.scored
    return rows[np.lexsort((alleles.position[rows], alleles.contig[rows]))]


def _remarks(scorers: Sequence[Scorer], plan: Plan, alleles: Alleles, genome: Any) -> list[str]:
    found = [text] if (text := genome.notes.get("contigs")) else []
    for scorer in scorers:
        if plan.both_strands and scorer.bin and scorer.pair is None:
            found.append(f"{scorer.name} names no strand_pair of its tracks: one strand was shown")
        rows, half = alleles.scored, scorer.length // 2
        ends = genome.lengths[alleles.contig[rows]]
        over = (alleles.position[rows] < half) | (alleles.position[rows] + half > ends)
        if over.any():
            text = f"{int(over.sum()):,} alleles whose window of {scorer.length:,} bases reaches over the contig's edge"
            found.append(f"{text}: N there ({scorer.name})")
    if alleles.swapped.any():
        found.append(f"{int(alleles.swapped.sum()):,} alleles whose ALT is what the genome has: effect of ALT over REF "
                     "all the same (SWAPPED)")  # fmt: skip
    return found


def _conservation(
    records: VariantRecords, alleles: Alleles, options: VariantOptions
) -> tuple[np.ndarray | None, list[str]]:
    if not options.conservation:
        return None, []
    from chiasma.io.conservation import values_at

    size = np.array([len(text) for text in alleles.ref], np.int64)
    chrom = records.chrom[alleles.record]
    values, skips = values_at(options.conservation, chrom, alleles.position, alleles.position + size)
    return values, [str(skip) for skip in skips]


def _facts(scored: Scored, scorers: Sequence[Scorer], plan: Plan, identity: dict[str, Any]) -> dict[str, Any]:
    alleles, skips = scored.alleles, scored.alleles.skips(scored.records)
    return {
        "identity": identity,
        "state": "new",
        "records": len(scored.records),
        "alleles": len(alleles),
        "scored": len(scored.rows),
        "swapped": int(alleles.swapped[scored.rows].sum()),
        "skipped": {skip.reason: {"count": skip.count, "examples": list(skip.examples)} for skip in skips},
        "remarks": scored.remarks,
        "outputs": list(scored.outputs),
        "statistic": scored.statistic,
        "spread_over": scored.summary.over,
        "reference_windows": scored.summary.windows,
        "models": [
            {"name": one.name, "length": one.length, "bin": one.bin or None, "stride": plan.stride_of(one)}
            | {"strands": len(plan.strands(one))}
            for one in scorers
        ],
        "anchor": plan.anchor,
        "shifts": list(plan.shifts),
    }


def _write(output: Path, scored: Scored, facts: dict[str, Any], plan: Plan, options: VariantOptions) -> None:
    """The files of a result, the record of it last."""
    from chiasma.report.variants import write_variant_page
    from chiasma.workflow.variants.pictures import strongest

    genome = workbench(plan)[1]
    version = versions().get("chiasma", "")
    chroms = np.array(list(dict.fromkeys(scored.records.chrom.tolist())), dtype=object)
    found = zip(chroms.tolist(), genome.contig_indices(chroms).tolist(), strict=True)
    contigs = {name: int(genome.lengths[index]) for name, index in found if index >= 0}
    names = ", ".join(one["name"] for one in facts["models"])
    remarks = {
        "chiasmaVariants": f"version={version}; models={names}; anchor={plan.anchor}; statistic={scored.statistic}"
    }
    files = {
        "parquet": beside(output, ".parquet"),
        "page": beside(output, ".html"),
        "record": beside(output, ".json"),
    }
    facts["files"] = {"vcf": str(output)} | {name: str(path) for name, path in files.items()}
    write_parquet(files["parquet"], scored)
    top = strongest(scored, plan, most=options.top, logos=options.logos)
    facts["strongest"] = [{key: value for key, value in row.items() if key != "logos"} for row in top[:10]]
    write_variant_page(files["page"], facts, top, version=version)
    write_vcf(
        output,
        scored.records,
        fields=info_fields(scored),
        values=info_values(scored),
        remarks=remarks,
        contigs=contigs,
        version=version,
    )
    write_json(files["record"], facts)
