"""Windows and bins of alleles against twins made of text, and the symmetry of REF and ALT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import MismatchError
from chiasma.core.rng import generator
from chiasma.data.sequences import decode, encode
from chiasma.encode.variant_alleles import check_alleles
from chiasma.encode.variant_bins import realigned
from chiasma.encode.variant_build import BUILDS, build_of
from chiasma.encode.variant_windows import genome_window, other_window, place
from chiasma.io.genome import Genome
from chiasma.io.variant_records import VariantRecords, read_variants
from chiasma.workflow.variants.models import make_scorer
from chiasma.workflow.variants.score import VariantOptions, score_variants
from chiasma.workflow.variants.scores import Plan, score_alleles
from chiasma.workflow.variants.summary import sign_probability

LENGTH, BIN = 32, 4
DNA = st.text("ACGT", min_size=1, max_size=6)
ANCHORS = st.sampled_from(("left", "centre", "right"))


def genome_of(text: str) -> Genome:
    none = np.zeros((0, 2), np.int64)
    return Genome(("chr1",), np.array([0, len(text)]), encode(text), none, none)


def records_of(*rows: tuple[int, str, str]) -> VariantRecords:
    position, ref, alt = zip(*rows, strict=True)
    texts = [np.array(column, dtype=object) for column in (["chr1"] * len(rows), ["."] * len(rows), ref, alt)]
    return VariantRecords("rows", (), "", texts[0], np.array(position), *texts[1:], contigs={})


def windows(text: str, position: int, ref: str, alt: str, anchor: str = "centre", stride: int = 1) -> tuple[str, str]:
    """Both windows as the code under test makes them."""
    genome = genome_of(text)
    where = place(position, (len(ref), len(alt)), length=LENGTH, anchor=anchor, stride=stride)  # type: ignore[arg-type]
    before = where.before + (where.moved if len(alt) < len(ref) else 0)
    other = other_window(genome, 0, position, pair=(ref, alt), before=before, length=LENGTH)
    return decode(genome_window(genome, 0, where.start, length=LENGTH)), decode(other)


def network(*, bins: bool) -> torch.nn.Module:
    """A random network whose outputs depend on where bases stand."""
    generator_ = torch.Generator().manual_seed(5)
    size = {"in_channels": 4, "out_channels": 3, "kernel_size": 5, "padding": 2}
    layers: list[torch.nn.Module] = [torch.nn.Conv1d(**size), torch.nn.Softplus()]
    if bins:
        layers += [torch.nn.AvgPool1d(BIN)]
    else:
        layers += [torch.nn.Flatten(), torch.nn.Linear(3 * LENGTH, 2)]
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator_))
    model.length = LENGTH
    if bins:
        model.bin, model.columns, model.strand_pair = BIN, ("a", "b", "c"), (1, 0, 2)
    return model


SCORERS = {bins: make_scorer(network(bins=bins), device="cpu") for bins in (False, True)}


def effects(text: str, rows: list[tuple[int, str, str]], *, bins: bool, **options: object) -> np.ndarray:
    """Effects (allele, output)."""
    alleles = check_alleles(records_of(*rows), genome_of(text), longest=LENGTH // 2)
    assert (alleles.reason == "").all(), alleles.reason
    scorer = SCORERS[bins]
    plan = Plan((), "", outputs=scorer.names, **options)  # type: ignore[arg-type]
    return score_alleles(scorer, genome_of(text), alleles, plan)[0]


@st.composite
def variants(draw) -> tuple[str, int, str, str]:
    """A genome, a place, its REF and another ALT."""
    text = draw(st.text("ACGT", min_size=50, max_size=90))
    ref = draw(DNA)
    alt = draw(DNA.filter(lambda found: found != ref))
    position = draw(st.integers(0, len(text) - len(ref)))
    return text[:position] + ref + text[position + len(ref) :], position, ref, alt


@given(variants(), ANCHORS, st.sampled_from((1, 4, 7)))
@settings(max_examples=60, deadline=None)
def test_windows_are_stretches_of_the_two_genomes(found, anchor, stride):
    text, position, ref, alt = found
    changed = text[:position] + alt + text[position + len(ref) :]
    here, other = windows(text, position, ref, alt, anchor, stride)
    where = place(position, (len(ref), len(alt)), length=LENGTH, anchor=anchor, stride=stride)
    padded = "N" * LENGTH + changed + "N" * LENGTH
    start = LENGTH + position - where.before - (where.moved if len(alt) < len(ref) else 0)
    assert other == padded[start : start + LENGTH]
    assert here == ("N" * LENGTH + text + "N" * LENGTH)[LENGTH + where.start :][:LENGTH]
    shift = abs(len(ref) - len(alt))
    assert where.moved == {"left": 0, "centre": shift // 2, "right": shift}[anchor]


@given(variants(), ANCHORS, st.booleans(), st.sampled_from(("difference", "log2-fold", "l2")), st.sampled_from((1, 4)))
@settings(max_examples=60, deadline=None)
def test_the_effect_changes_its_sign_on_the_swapped_genome(found, anchor, bins, statistic, stride):
    """score(ref -> alt) = -score(alt -> ref) where the genome has ALT; the root of squares stays."""
    if not bins and statistic != "difference":
        statistic = "difference"
    text, position, ref, alt = found
    changed = text[:position] + alt + text[position + len(ref) :]
    options = {"anchor": anchor, "statistic": statistic, "shifts": (-1, 0, 1), "stride": stride}
    forward = effects(text, [(position, ref, alt)], bins=bins, **options)
    back = effects(changed, [(position, alt, ref)], bins=bins, **options)
    np.testing.assert_allclose(forward, back if statistic == "l2" else -back, atol=1e-5)


@given(variants(), ANCHORS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_flipped_line_gives_minus_the_effect(found, anchor, bins):
    """REF and ALT exchanged in the VCF, the genome as it was: named as swapped, the same windows."""
    text, position, ref, alt = found
    there = text[position : position + len(alt)]
    if there == alt:  # the flipped line would fit the genome as it stands: an insertion, by all that can be known
        return
    options = {"anchor": anchor, "stride": 1}
    forward = effects(text, [(position, ref, alt)], bins=bins, **options)
    flipped = effects(text, [(position, alt, ref)], bins=bins, **options)
    np.testing.assert_allclose(forward, -flipped, atol=1e-6)


@pytest.mark.parametrize("anchor", ["left", "centre", "right"])
def test_three_bases_and_indels_stand_where_the_vcf_says(anchor):
    """One published tool writes alleles of three bases one base early, and never changes the length for indels."""
    text = "".join("ACGT"[at * at % 4] + "ACGT"[at % 3] for at in range(40))
    text = text[:38] + "CTG" + text[41:]
    here, other = windows(text, 38, "CTG", "AAA", anchor)
    assert here == text[24:56] and other == text[24:38] + "AAA" + text[41:56]
    here, other = windows(text, 38, "CTG", "C", anchor)
    lost = {"left": (0, 2), "centre": (1, 1), "right": (2, 0)}[anchor]
    assert here == text[24:56] and other == text[24 - lost[0] : 39] + text[41 : 56 + lost[1]]
    here, other = windows(text, 38, "C", "CTGA", anchor)
    assert other == text[24:38] + "CTGA" + text[39:53]
    moved = {"left": 0, "centre": 1, "right": 3}[anchor]
    assert here == text[24 - moved : 56 - moved]


@given(variants(), st.integers(0, 3), st.integers(0, 3), ANCHORS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_one_change_written_in_several_ways_has_one_score(found, left, right, anchor, bins):
    text, position, ref, alt = found
    low, high = max(0, position - left), position + len(ref) + right
    longer = text[low:position] + ref + text[position + len(ref) : high]
    other = text[low:position] + alt + text[position + len(ref) : high]
    rows = [(position, ref, alt), (low, longer, other)]
    first, second = effects(text, rows, bins=bins, anchor=anchor)
    np.testing.assert_array_equal(first, second)


def test_deletions_at_equal_places_and_repeats_score_alike():
    """Deleting any one of equal neighbours gives one haplotype, and one effect."""
    text = "ACGTTGCA" * 4 + "AAAA" + "TGCATTGC" * 4
    rows = [(31, text[31:33], text[31]), (33, "AA", "A"), (34, "AA", "A")]
    assert text[31] == "A"
    rows += [(31, "AA", "A"), (34, "AAT", "AT")]
    found = effects(text, rows, bins=True)
    assert np.abs(found[0]).max() > 0
    for row in found:
        np.testing.assert_array_equal(row, found[0])


def test_bins_are_realigned_so_that_what_only_moved_is_no_effect():
    """A cluster of G moves by two bins when eight A are deleted before it."""
    text = "A" * 60 + "AAAAAAAA" + "AA" + "GGGG" + "A" * 60

    def guanine(x: torch.Tensor) -> torch.Tensor:
        return x[:, 2].unflatten(1, (-1, BIN)).sum(2)[:, :, None]

    guanine.length, guanine.bin, guanine.columns, guanine.strand_pair = LENGTH, BIN, ("g",), (0,)  # type: ignore[attr-defined]
    scorer = make_scorer(guanine, device="cpu")
    genome = genome_of(text)
    alleles = check_alleles(records_of((59, text[59:68], "A"), (69, "AGG", "A"), (69, "A", "AGGG")), genome, longest=16)
    for anchor in ("left", "centre", "right"):
        for statistic in ("difference", "l2"):
            plan = Plan((), "", outputs=("g",), anchor=anchor, statistic=statistic, both_strands=False, stride=BIN)  # type: ignore[arg-type]
            found = score_alleles(scorer, genome, alleles, plan)[0][:, 0]
            assert found[0] == pytest.approx(0, abs=1e-9)
            if statistic == "difference":
                assert found[1:].tolist() == [-2, 3]


@pytest.mark.parametrize("anchor", ["left", "centre", "right"])
def test_shifted_windows_are_realigned_where_the_indel_then_lies(anchor):
    """Of a model that tells the bases themselves, an indel of 5 bases changes 5 numbers by 1, however shifted."""

    def bases(x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)[:, 4:-4]

    bases.length, bases.bin, bases.columns, bases.strand_pair = LENGTH, 1, tuple("ACGT"), (3, 2, 1, 0)  # type: ignore[attr-defined]
    scorer, draw = make_scorer(bases, device="cpu"), generator(3, "genome")
    text = "".join(draw.choice(list("ACGT"), 200))
    rows = [(at, text[at : at + 6], text[at]) for at in range(40, 100, 7)]
    rows += [(at, text[at], text[at] + "GATTC") for at in range(100, 160, 7)]
    alleles = check_alleles(records_of(*rows), genome_of(text), longest=16)
    for shifts in ((0,), (-3, -2, -1, 0, 1, 2, 3), (-4,), (4,)):
        plan = Plan((), "", outputs=scorer.names, anchor=anchor, statistic="l2", shifts=shifts)
        found, spread, *_ = score_alleles(scorer, genome_of(text), alleles, plan)
        np.testing.assert_allclose((found**2).sum(axis=1), 5)
        np.testing.assert_allclose(spread, 0, atol=1e-7)


@given(st.integers(1, 9), st.integers(0, 9), st.integers(4, 27), st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_realigned_bins_against_single_bases(gap, moved, gap_at, seed):
    moved, first, count = min(moved, gap), 4, 6
    values = generator(seed, "bins").random((count, 2))
    found, kept = realigned(values, bin_size=BIN, first=first, gap=gap, gap_at=gap_at, moved=moved)
    single = np.repeat(values / BIN, BIN, axis=0)
    for number in range(count):
        total, whole = np.zeros(2), True
        for at in range(first + number * BIN, first + (number + 1) * BIN):
            if gap_at <= at < gap_at + gap:
                continue
            there = (at + moved if at < gap_at else at - gap + moved) - first
            whole = whole and 0 <= there < len(single)
            total += single[there] if 0 <= there < len(single) else 0
        if kept[number]:
            assert whole
            np.testing.assert_allclose(found[number], total)


def test_sign_probability_by_drawing():
    draw = generator(1, "draws").normal(0.3, 1.0, (200_000, 6))
    said = sign_probability(draw[:, :5].mean(1), draw[:, :5].std(1, ddof=1), count=5)
    held = np.sign(draw[:, 5]) == np.sign(draw[:, :5].mean(1))
    # averaged over a flat prior of the true effect it is exact; here it must be close and rise with what it says
    bins = [held[(said > low) & (said <= low + 0.1)].mean() for low in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert bins == sorted(bins) and sign_probability(np.zeros(1), np.ones(1), count=2)[0] == 0.5
    assert np.isnan(sign_probability(np.ones(1), np.zeros(1), count=1)[0])
    assert sign_probability(np.ones(1), np.zeros(1), count=2)[0] == 1


def test_builds_are_told_by_lengths():
    for name, table in BUILDS.items():
        assert build_of({f"chr{contig.upper()}": length for contig, length in table.items()}) == name
    assert build_of({"chr1": 249250621, "chr2": 242193529}) is None and build_of({"chr1": 1_000_000}) is None


def test_contigs_that_are_all_unknown_are_refused():
    genome = genome_of("ACGT" * 9)
    records = records_of((3, "T", "A"))
    foreign = VariantRecords(
        "rows",
        (),
        "",
        np.array(["chr7"], dtype=object),
        *(getattr(records, k) for k in ("position", "ids", "ref", "alt")),
        {},
    )
    with pytest.raises(MismatchError, match="no contig"):
        check_alleles(foreign, genome, longest=9)


@pytest.mark.realdata
def test_real_files_without_a_header_are_read(data_dir: Path):
    eqtl = read_variants(data_dir / "sequence/mini_borzoi/snp/eqtl.vcf")
    clinvar = read_variants(data_dir / "variants/gpn_clinvar_2000.vcf")
    assert len(eqtl) == 8 and eqtl.position[0] == 14676 and eqtl.columns == "" and eqtl.is_sorted
    assert len(clinvar) == 2000 and set(map(len, clinvar.ref)) == {1}


def trained_borzoi(data_dir: Path) -> torch.nn.Module:
    """Calico's trained mini-Borzoi with the names and strand pairs of its tracks."""
    pytest.importorskip("h5py")
    from chiasma.io.keras_weights import read_keras_weights
    from chiasma.io.tracks import read_track_table
    from chiasma.methods.regulation.borzoi.config import mini
    from chiasma.methods.regulation.borzoi.model import build
    from chiasma.methods.regulation.borzoi.weights import convert

    folder = data_dir / "sequence/mini_borzoi"
    state, _ = convert(read_keras_weights(folder / "eval/model.h5"), mini())
    model = build(mini()).eval()
    model.load_state_dict(state)
    table = read_track_table(folder / "tiny/hg38/targets.txt", squash="new")
    model.columns, model.strand_pair = tuple(table.identifier), tuple(table.strand_pair.tolist())  # type: ignore[assignment]
    return model


def eqtl_scores(
    model: torch.nn.Module, data_dir: Path, tmp_path: Path, rows: slice, *, both_strands: bool
) -> dict[str, tuple[dict[str, Any], pd.DataFrame]]:
    """Facts and scores of some alleles (rows after the first line) of the eQTL VCF, and of the one that is flipped."""
    found = {}
    for name in ("eqtl", "eqtl_flip"):
        lines = (data_dir / f"sequence/mini_borzoi/snp/{name}.vcf").read_text().splitlines()
        source, out = tmp_path / f"{name}.vcf", tmp_path / f"{name}_scored.vcf.gz"
        source.write_text("\n".join([lines[0], *lines[1:][rows]]) + "\n")
        options = VariantOptions(both_strands=both_strands, logos=0)
        fasta = data_dir / "sequence/genomes/hg38_1m.fa.gz"
        facts = score_variants([model], source, fasta=fasta, output=out, options=options)
        found[name] = facts, pd.read_parquet(tmp_path / f"{name}_scored.parquet")
    return found


def effects_of(scores: pd.DataFrame) -> np.ndarray:
    """Effects (allele, track)."""
    return scores[[column for column in scores if column.startswith("effect_")]].to_numpy()


@pytest.mark.realdata
def test_the_trained_borzoi_on_the_eqtl_vcf_and_its_flipped_twin(data_dir: Path, tmp_path: Path):
    # three of the eight, two of which share a window
    found = eqtl_scores(trained_borzoi(data_dir), data_dir, tmp_path, slice(2, 5), both_strands=False)
    for name, (facts, scores) in found.items():
        assert facts["scored"] == 3 and facts["reference_windows"] == 1
        assert set(scores["status"]) == {"SWAPPED" if name == "eqtl_flip" else "SCORED"}
    here, there = (effects_of(scores) for _, scores in found.values())
    np.testing.assert_array_equal(here, -there)
    assert here.shape == (3, 74) and np.abs(here).max() > 0.05


@pytest.mark.realdata
@pytest.mark.slow
def test_the_trained_borzoi_on_all_eqtls_both_strands(data_dir: Path, tmp_path: Path):
    """The table of docs/workflows/variants.md."""
    found = eqtl_scores(trained_borzoi(data_dir), data_dir, tmp_path, slice(None), both_strands=True)
    for name, (facts, scores) in found.items():
        assert facts["scored"] == len(scores) == 8
        assert set(scores["status"]) == {"SWAPPED" if name == "eqtl_flip" else "SCORED"}
    facts, scores = found["eqtl"]
    np.testing.assert_array_equal(effects_of(scores), -effects_of(found["eqtl_flip"][1]))
    page = (Path(__file__).parents[2] / "docs/workflows/variants.md").read_text()
    for row in facts["strongest"]:
        assert f"{row['name']} {row['output']} {row['effect']:.3f} {row['sd']:.3f}" in " ".join(page.split()), row
