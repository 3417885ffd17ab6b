"""Divide a dataset so that the test part says something about examples not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some, unknown_name
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import Genomes
from chiasma.data.intervals import Intervals
from chiasma.data.split import DROPPED, PARTS, Split
from chiasma.split.assign import assign, blocks
from chiasma.split.options import SplitOptions
from chiasma.split.place import chromosomes, coordinates, sequences_of, strata
from chiasma.split.proof import prove_with_shares
from chiasma.stats.intervals import count_overlaps

GIANT = 0.1
"""A block with more than this share of the examples is announced."""
ENOUGH = 0.03
"""Share of the examples below which the customary test chromosomes are passed over."""


def make_split(dataset: Dataset, options: SplitOptions, *, test_ids: Iterable[str] | None = None) -> Split:
    """Divide a dataset as asked; units never straddle parts, and the proof is written.

    Args:
        dataset: what is divided.
        options: kind, fractions, chromosomes, k-mers, seed.
        test_ids: the test part, if somebody has chosen it; the rest is divided by homology where that is asked for,
            else at random.

    Raises:
        UsageError: the kind needs coordinates, a group column or sequences that are not there.
        InsufficientDataError: no division leaves both classes in train and test.
    """
    if test_ids is not None:
        return given(dataset, test_ids, options=options)
    kind = _automatic(dataset, options) if options.kind == "auto" else options.kind
    makers = {
        "chromosome": by_chromosome,
        "homology": by_homology,
        "group": by_group,
        "locus": by_locus,
        "random": at_random,
    }
    split = makers[kind](dataset, options)
    if options.kind == "auto" and kind == "random":
        advice = "no coordinates, groups or sequences were found to divide by, so the division is random"
        split = replace(split, warnings=(advice, *split.warnings))
    return split


def _automatic(dataset: Dataset, options: SplitOptions) -> str:
    if isinstance(dataset.x, Genomes):
        return "homology"  # a chromosome of one genome has its relatives on many of the other's
    contigs = chromosomes(dataset)
    if contigs is not None and (contigs != "").all():
        _, contig = np.unique(contigs.astype(str), return_inverse=True)
        # A unit that lies on several chromosomes joins them.
        if len(np.unique(blocks(dataset.unit, contig))) >= 3:
            return "chromosome"
    if options.group in dataset.columns:
        return "group"
    return "homology" if sequences_of(dataset) is not None else "random"


def by_chromosome(dataset: Dataset, options: SplitOptions) -> Split:
    """Whole chromosomes to one part; those named, else chr8, chr9 and chr7 where they hold enough, else the nearest."""
    contigs = chromosomes(dataset)
    if contigs is None or (contigs == "").any():
        lost = dataset.ids if contigs is None else dataset.ids[contigs == ""]
        raise UsageError(
            "a split by chromosome needs a chromosome for every example",
            where="--split chromosome",
            got=f"{len(lost)} examples without one ({list_some(lost, most=3)})",
            do="use --split homology, or give coordinates in the FASTA headers (chr1:100-200) or a BED file",
        )
    wanted = {
        "test": _named(options.test_chromosomes, contigs),
        "valid": _named(options.valid_chromosomes, contigs),
    }
    if not options.test_chromosomes:
        wanted["test"] = _customary(dataset, contigs, ("8", "9"), taken=wanted["valid"])
    if not options.valid_chromosomes and options.valid > 0 and wanted["test"]:
        wanted["valid"] = _customary(dataset, contigs, ("7",), taken=wanted["test"])
    if both := set(wanted["test"]) & set(wanted["valid"]):
        raise UsageError("a chromosome is named for two parts", where="--split chromosome", got=list_some(both))
    _, cluster = np.unique(contigs.astype(str), return_inverse=True)
    block = blocks(dataset.unit, cluster)
    fixed = {int(block[contigs == name][0]): part for part, chosen in wanted.items() for name in chosen}
    part = assign(dataset, block, fractions=options.fractions, seed=options.seed, fixed=fixed)
    held = {name: sorted({str(c) for c in contigs[part == name]}) for name in PARTS}
    return _finish(
        dataset, part, options, kind="chromosome", more={"chromosomes": held}, block=block, what="chromosome"
    )


def _named(wanted: tuple[str, ...], contigs: np.ndarray) -> tuple[str, ...]:
    """The contigs as the data spell them: chr1 and 1 are the same."""
    known = [str(name) for name in np.unique(contigs.astype(str))]
    bare = {bare_contig(name): name for name in known}
    for name in wanted:
        if bare_contig(name) not in bare:
            raise unknown_name("chromosome", name, known)
    return tuple(bare[bare_contig(name)] for name in wanted)


def _customary(
    dataset: Dataset, contigs: np.ndarray, numbers: tuple[str, ...], *, taken: tuple[str, ...]
) -> tuple[str, ...]:
    """chr8 and chr9 (or chr7) if the data have them, they are free and hold enough examples of every class."""
    present = {bare_contig(name): str(name) for name in np.unique(contigs.astype(str))}
    if not all(number in present and present[number] not in taken for number in numbers):
        return ()
    chosen = tuple(present[number] for number in numbers)
    inside = np.isin(contigs.astype(str), chosen)
    classes = strata(dataset.target, len(dataset))
    enough = inside.mean() >= ENOUGH * len(numbers) / 2 and set(classes[inside]) == set(classes)
    return chosen if enough and not inside.mean() > 0.5 else ()


def by_homology(dataset: Dataset, options: SplitOptions) -> Split:
    """Whole clusters of sequences that share k-mers, on either strand, to one part.

    Of several genomes, windows that alignments join are of one cluster too (the components of Kelley 2020).
    """
    block, more = homology_blocks(dataset, options)
    part = assign(dataset, block, fractions=options.fractions, seed=options.seed)
    return _finish(dataset, part, options, kind="homology", more=more, block=block, what="homology cluster")


def homology_blocks(dataset: Dataset, options: SplitOptions) -> tuple[np.ndarray, dict[str, object]]:
    """What a split by homology does not divide: units joined by clusters, and the parameters that say how.

    Returns:
        label (example,), and JSON-ready facts.

    Raises:
        UsageError: the examples are no sequences.
    """
    from chiasma.stats.sharing import clusters, default_k

    sequences = sequences_of(dataset)
    if sequences is None:
        raise UsageError(
            "a split by homology needs sequences", where="--split homology", do="use --split group or random"
        )
    k = options.k or default_k(sequences)
    cluster = clusters(sequences, k=k, threshold=options.containment)
    more: dict[str, object] = {"k": k, "containment": options.containment}
    if isinstance(dataset.x, Genomes):
        more["components"] = _components(dataset.x, cluster)
        cluster = blocks(cluster, dataset.x.kin)
    more["clusters"] = int(cluster.max(initial=-1)) + 1
    return blocks(dataset.unit, cluster), more


def _components(x: Genomes, cluster: np.ndarray) -> dict[str, int]:
    """Clusters that hold windows of more than one genome, by what joined them."""

    def spanning(label: np.ndarray) -> int:
        pairs = np.unique(np.stack([label, x.genome]), axis=1)
        return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())

    found = {"by k-mers": spanning(cluster), "by alignment": spanning(x.kin)}
    return {**found, "by either": spanning(blocks(cluster, x.kin))}


def by_group(dataset: Dataset, options: SplitOptions) -> Split:
    """Whole groups (patient, study, library, family) to one part."""
    if options.group not in dataset.columns:
        raise unknown_name("group column", options.group, dataset.columns)
    block = blocks(dataset.unit, dataset.columns[options.group].astype(str))
    part = assign(dataset, block, fractions=options.fractions, seed=options.seed)
    more = {"column": options.group, "groups": len(np.unique(dataset.columns[options.group].astype(str)))}
    return _finish(dataset, part, options, kind="group", more=more, block=block, what="group")


def by_locus(dataset: Dataset, options: SplitOptions) -> Split:
    """Whole genomic blocks to one part; examples within half a gap of another part's block are dropped.

    So are those that, longer than a block, still lie within a gap of an example of another part: from the larger part.
    """
    places = coordinates(dataset)
    if places is None or (places.chrom.astype(str) == "").any():
        raise UsageError(
            "a split by locus needs coordinates for every example",
            where="--split locus",
            do="give coordinates in the FASTA headers (chr1:100-200), a BED file, or use --split homology",
        )
    contigs, contig = np.unique(places.chrom.astype(str), return_inverse=True)
    extent = np.array([places.end[contig == index].max() for index in range(len(contigs))])
    size = options.block or max(int(extent.sum()) // 50, 4 * options.gap, int(places.lengths.max(initial=1)))
    if options.gap >= size:
        raise UsageError("the gap is as long as a block", where="--split locus", got=options.gap, expected=f"< {size}")
    # Blocks of all contigs are numbered in one row, with an empty one after each contig.
    base = np.concatenate([[0], np.cumsum(extent // size + 2)])[contig]
    number = base + (places.start + places.end) // 2 // size
    block = blocks(dataset.unit, number)
    part = assign(dataset, block, fractions=options.fractions, seed=options.seed)
    owner: dict[int, str] = dict(zip(number.tolist(), part.tolist()))
    near = _near_another(places.start, places.end, options.gap / 2, size, base, owner, part)
    part = np.where(np.isin(dataset.unit, dataset.unit[near]), DROPPED, part).astype(object)
    part = _kept_apart(dataset, places, part, options.gap)
    more = {"block": size, "gap": options.gap, "dropped": int((part == DROPPED).sum())}
    return _finish(dataset, part, options, kind="locus", more=more, block=block, what="run of blocks")


def _kept_apart(dataset: Dataset, places: Intervals, part: np.ndarray, gap: int) -> np.ndarray:
    """The parts without examples that lie within `gap` of another part's, the intervals themselves compared.

    Raises:
        InsufficientDataError: nothing of a part is left.
    """
    part, wide = part.copy(), replace(places, start=places.start - gap, end=places.end + gap)
    for one, other in combinations([name for name in PARTS if (part == name).any()], 2):
        larger, smaller = sorted((np.flatnonzero(part == one), np.flatnonzero(part == other)), key=len, reverse=True)
        near = larger[count_overlaps(places.take(larger), wide.take(smaller)) > 0]
        part[np.isin(dataset.unit, dataset.unit[near])] = DROPPED
        for name in (one, other):
            if not (part == name).any():
                raise InsufficientDataError(
                    f"every example of the {name} part lies within the gap of another part's",
                    where="--split locus",
                    got=f"a gap of {gap} and examples of up to {int(places.lengths.max())} bases",
                    do="give longer blocks or a smaller gap, or use --split chromosome or homology",
                )
    return part


def _near_another(
    start: np.ndarray,
    end: np.ndarray,
    reach: float,
    size: int,
    base: np.ndarray,
    owner: Mapping[int, str],
    part: np.ndarray,
) -> np.ndarray:
    """Whether an example, widened by `reach`, enters a block of another part (example,)."""
    low = base + np.maximum(start - reach, 0).astype(np.int64) // size
    high = base + (end - 1 + reach).astype(np.int64) // size
    return np.array(
        [
            any(owner.get(number, own) != own for number in range(first, last + 1))
            for first, last, own in zip(low.tolist(), high.tolist(), part.tolist(), strict=True)
        ],
        bool,
    )


def at_random(dataset: Dataset, options: SplitOptions) -> Split:
    """Whole units at random, classes in proportion; with the warning that kin may straddle the parts."""
    part = assign(dataset, dataset.unit, fractions=options.fractions, seed=options.seed)
    warning = "a random split: related examples may lie on both sides, so the test figures may be too good"
    return _finish(dataset, part, options, kind="random", warnings=(warning,))


def given(dataset: Dataset, test_ids: Iterable[str], *, options: SplitOptions) -> Split:
    """The test part as somebody chose it; whole units of the rest at random to the other parts.

    Where a split by homology is asked for, the rest is divided by its blocks, and blocks of which only a part was
    chosen are told.
    """
    chosen = {str(name).strip() for name in test_ids} - {""}
    ids = dataset.ids.astype(str)
    test = np.array([name in chosen for name in ids], bool)
    if missing := sorted(chosen - set(ids[test])):
        raise MismatchError(
            "test ids that are not among the examples",
            where="given split",
            got=list_some(missing),
            expected=f"ids such as {list_some(ids, most=3)}",
        )
    if not test.any() or test.all():
        raise UsageError(
            "the given test part is empty or everything", where="given split", got=f"{test.sum()} examples"
        )
    rest = dataset.take(~test)
    shares = {name: share for name, share in options.fractions.items() if name != "test"}
    kin = options.kind == "homology"
    block, more = homology_blocks(dataset, options) if kin else (dataset.unit, {})
    part = np.full(len(dataset), "test", dtype=object)
    part[~test] = assign(rest, block[~test], fractions=shares, seed=options.seed)
    straddling = np.intersect1d(block[test], block[~test])
    what = "homology clusters" if kin else f"units ({dataset.unit_name})"
    warnings: tuple[str, ...] = ("the test part was given, not made here: only the proof speaks for it",)
    if len(straddling):
        warnings += (f"{len(straddling)} {what} have members in the test part and outside it",)
    return _finish(dataset, part, options, kind="given", more=more, warnings=warnings)


def _finish(
    dataset: Dataset,
    part: np.ndarray,
    options: SplitOptions,
    *,
    kind: str,
    more: Mapping[str, object] | None = None,
    block: np.ndarray | None = None,
    what: str = "",
    warnings: tuple[str, ...] = (),
) -> Split:
    """The Split with its parameters, warnings and proof."""
    if block is not None and len(block):
        largest = float(np.bincount(block).max() / len(block))
        if largest > GIANT and kind != "chromosome":
            warnings += (
                f"one {what} holds {largest:.0%} of the examples and cannot be divided: parts may be larger than asked",
            )
    if isinstance(dataset.x, Genomes) and kind not in ("homology", "given"):
        warnings += ("windows of one genome may have their relatives of another in another part: --split homology",)
    parameters = {**options.fractions, "seed": options.seed, **(more or {})}
    proof, nearest = prove_with_shares(dataset, part, kind=kind, parameters=parameters)
    for name, share in options.fractions.items():
        got = proof["sizes"].get(name, 0) / max(len(dataset), 1)
        if share > 0 and not 0.5 * share <= got <= 2 * share and kind not in ("given", "chromosome"):
            warnings += (f"the {name} part has {got:.1%} of the examples, {share:.0%} were asked for",)
    return Split(kind, dataset.ids, part, parameters, proof, warnings, blocks=block, nearest_share=nearest)
