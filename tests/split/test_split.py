"""Splits: disjoint, whole units, whole clusters, with a proof that tells the truth."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given as over, settings, strategies as st

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError
from chiasma.core.files import plain
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.sequences import Sequences
from chiasma.data.simulated import Simulated
from chiasma.data.split import DROPPED, PARTS
from chiasma.split.make import _automatic, given, make_split
from chiasma.split.options import SplitOptions
from chiasma.split.place import chromosomes
from chiasma.split.proof import hash_ids, prove
from chiasma.split.table import read_split, write_split
from chiasma.stats.sharing import containment


def dna(n: int, *, seed: int = 0, length: int = 60, contigs: int = 0, spacing: int = 1000) -> Dataset:
    rng = np.random.default_rng(seed)
    ids = [f"s{i}" for i in range(n)]
    x = Sequences.from_codes(ids, rng.integers(0, 4, (n, length)).astype(np.uint8))
    columns = {}
    if contigs:
        start = np.arange(n) // contigs * spacing
        columns = {"chrom": np.array([f"chr{1 + i % contigs}" for i in range(n)], dtype=object)}
        columns |= {"start": start, "end": start + length}
    target = Target("binary", np.arange(n) // max(contigs, 1) % 2, ("negative", "positive"))
    return Dataset(x.ids, x, target, np.arange(n), columns=columns)


def matrix(n: int, p: int = 5, *, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    ids = np.array([f"m{i}" for i in range(n)], dtype=object)
    x = Matrix(rng.normal(size=(n, p)), ids, np.array([f"f{i}" for i in range(p)], dtype=object))
    target = Target("multiclass", rng.integers(0, 3, n), ("a", "b", "c"))
    columns = {"group": np.array([f"g{i // 4}" for i in range(n)], dtype=object)}
    return Dataset(ids, x, target, np.arange(n), columns=columns)


def straddling(labels: np.ndarray, part: np.ndarray) -> int:
    return sum(len(set(part[labels == label]) - {DROPPED}) > 1 for label in np.unique(labels))


@settings(max_examples=25, deadline=None)
@over(st.integers(40, 120), st.integers(0, 5), st.sampled_from(["random", "homology", "group", "chromosome", "locus"]))
def test_every_kind_keeps_units_whole_and_parts_disjoint(n, seed, kind):
    data = dna(n, seed=seed, contigs=10)
    data = Dataset(
        data.ids,
        data.x,
        data.target,
        np.arange(n) // 2,
        columns={**data.columns, "group": (np.arange(n) // 3).astype(str)},
    )
    options = SplitOptions(kind=kind, seed=seed, gap=100, block=3000)
    try:
        split = make_split(data, options)
    except InsufficientDataError:
        assert kind in ("chromosome", "locus", "group")
        return
    assert not split.problems()
    assert set(split.part) <= {*PARTS, DROPPED}
    assert straddling(data.unit, split.part) == 0
    assert split.proof["shared_ids"] == 0 == split.proof["shared_units"]
    again = make_split(data, options)
    assert np.array_equal(split.part, again.part)
    assert sum(split.sizes().values()) == n


def test_fractions_and_classes_are_kept():
    split = make_split(dna(1000), SplitOptions(kind="random", test=0.3, valid=0.1, calibration=0.0))
    assert split.sizes() == {"train": 600, "valid": 100, "test": 300}
    assert any("random" in warning for warning in split.warnings)


def test_customary_chromosomes_are_taken_and_named_ones_obeyed():
    data = dna(880, contigs=22)
    split = make_split(data, SplitOptions())
    assert split.kind == "chromosome"
    assert set(data.columns["chrom"][split.where("test")]) == {"chr8", "chr9"}
    assert set(data.columns["chrom"][split.where("valid")]) == {"chr7"}
    asked = make_split(data, SplitOptions(test_chromosomes=("1", "chr2"), valid_chromosomes=("3",)))
    assert set(data.columns["chrom"][asked.where("test")]) == {"chr1", "chr2"}
    assert set(data.columns["chrom"][asked.where("valid")]) == {"chr3"}


def test_without_chr8_the_nearest_shares_are_taken():
    data = dna(500, contigs=5)
    split = make_split(data, SplitOptions(kind="chromosome", test=0.2, valid=0.2, calibration=0.2))
    assert split.sizes() == {"train": 200, "valid": 100, "calibration": 100, "test": 100}


def test_an_unknown_chromosome_is_named():
    with pytest.raises(UsageError, match="unknown chromosome"):
        make_split(dna(100, contigs=5), SplitOptions(test_chromosomes=("chr77",)))


def test_homology_keeps_planted_relatives_together():
    data = dna(200)
    assert isinstance(data.x, Sequences)
    codes = [data.x[i].copy() for i in range(200)]
    rng = np.random.default_rng(1)
    for index in range(0, 200, 4):  # a copy, its other strand, and an overlapping window of each fourth
        codes[index + 1] = codes[index]
        codes[index + 2] = (3 - codes[index])[::-1]
        codes[index + 3] = np.concatenate([codes[index][30:], rng.integers(0, 4, 30).astype(np.uint8)])
    x = Sequences.from_codes(data.ids, codes)
    data = Dataset(data.ids, x, data.target, data.unit)
    split = make_split(data, SplitOptions())
    assert split.kind == "homology"
    assert straddling(np.arange(200) // 4, split.part) == 0
    assert split.proof["largest_containment"]["share"] < 0.1
    found = containment(x.take(split.where("test")), x.take(split.where("train")))
    assert found.share.max() == split.proof["largest_containment"]["share"]
    random = make_split(data, SplitOptions(kind="random"))
    assert random.proof["largest_containment"]["share"] == 1.0
    assert random.proof["exact_duplicates"]["train-test"]["examples"] > 0
    assert random.proof["reverse_complement_twins"]["train-test"]["examples"] > 0


def test_a_giant_cluster_goes_to_training_and_is_announced():
    data = dna(200)
    assert isinstance(data.x, Sequences)
    codes = [data.x[0] if index < 80 else data.x[index] for index in range(200)]
    data = Dataset(data.ids, Sequences.from_codes(data.ids, codes), data.target, data.unit)
    split = make_split(data, SplitOptions())
    assert any("40%" in warning for warning in split.warnings)
    assert set(split.part[:80]) == {"train"}


def test_locus_leaves_the_gap():
    data = dna(600, contigs=1, spacing=500)
    split = make_split(data, SplitOptions(kind="locus", block=20_000, gap=4_000))
    assert split.proof["sizes"][DROPPED] == split.parameters["dropped"] > 0
    start = data.columns["start"]
    for one in PARTS:
        for other in PARTS:
            if one != other:
                left, right = start[split.where(one)], start[split.where(other)]
                assert np.abs(left[:, None] - right[None, :]).min() >= 4_000


def test_auto_takes_groups_for_matrices_and_says_when_it_is_random():
    assert make_split(matrix(120), SplitOptions()).kind == "group"
    plain_matrix = matrix(120)
    plain_matrix = Dataset(plain_matrix.ids, plain_matrix.x, plain_matrix.target, plain_matrix.unit)
    split = make_split(plain_matrix, SplitOptions())
    assert split.kind == "random" and len(split.warnings) == 2


def test_given_test_ids():
    data = matrix(60)
    split = given(data, data.ids[:15], options=SplitOptions())
    assert split.where("test").tolist() == list(range(15))
    listed = "\r\n".join(data.ids[:15]) + "\r\n"  # a file's last line is empty
    assert np.array_equal(given(data, listed.split("\n"), options=SplitOptions()).part, split.part)
    with pytest.raises(MismatchError, match="not among"):
        given(data, ["nobody"], options=SplitOptions())


def test_beside_a_given_test_part_the_rest_is_divided_by_homology_where_asked():
    data = dna(120)
    assert isinstance(data.x, Sequences)
    x = Sequences.from_codes(data.ids, [data.x[index // 4 * 4] for index in range(120)])
    data = Dataset(data.ids, x, data.target, data.unit)
    whole = make_split(data, SplitOptions(kind="homology"), test_ids=data.ids[:24])
    assert whole.where("test").tolist() == list(range(24)) and set(whole.part) == set(PARTS)
    assert straddling(np.arange(120) // 4, whole.part) == 0 and len(whole.warnings) == 1
    cut = make_split(data, SplitOptions(kind="homology"), test_ids=data.ids[:22])
    assert "1 homology clusters have members in the test part and outside it" in cut.warnings
    assert straddling(np.arange(120) // 4, make_split(data, SplitOptions(), test_ids=data.ids[:24]).part) > 0


def test_one_class_cannot_be_divided():
    data = dna(40)
    target = Target("binary", np.r_[np.ones(1, int), np.zeros(39, int)], ("negative", "positive"))
    with pytest.raises(InsufficientDataError, match="one class"):
        make_split(Dataset(data.ids, data.x, target, data.unit), SplitOptions(kind="random"))


def test_what_is_missing_is_said():
    with pytest.raises(UsageError, match="needs a chromosome"):
        make_split(dna(30), SplitOptions(kind="chromosome"))
    with pytest.raises(UsageError, match="needs coordinates"):
        make_split(dna(30), SplitOptions(kind="locus"))
    with pytest.raises(UsageError, match="unknown group column"):
        make_split(dna(30), SplitOptions(kind="group"))
    with pytest.raises(UsageError, match="needs sequences"):
        make_split(matrix(30), SplitOptions(kind="homology"))
    with pytest.raises(UsageError, match="less than 5 %"):
        SplitOptions.parse({"test": 0.9, "valid": 0.1})


def test_the_proof_of_a_bad_division_names_what_is_shared():
    data = dna(40, contigs=2, spacing=30)  # neighbours overlap by half
    part = np.where(np.arange(40) % 4 < 2, "train", "test").astype(object)
    proof = plain(prove(data, part))
    assert proof["interval_overlaps"]["train-test"]["pairs"] > 0
    assert proof["sha256"]["train"] == hash_ids(data.ids[part == "train"][::-1])
    copied = matrix(30)
    assert isinstance(copied.x, Matrix)
    copied.x.values[20:] = copied.x.values[:10]
    proof = prove(copied, np.repeat(["train", "test"], [20, 10]).astype(object))
    assert proof["exact_duplicates"]["train-test"]["examples"] == 10
    assert proof["largest_correlation"]["correlation"] > 0.999


def nothing(config, run_seed, index):
    return {"x": np.array([index])}


def test_simulated_examples_are_proved_by_address():
    x = Simulated(nothing, None, 1, np.array([0, 1, 2, 1]))
    data = Dataset(np.array(list("abcd")), x, Target("regression", np.arange(4.0)[:, None], ("y",)), np.arange(4))
    assert prove(data, np.array(["train", "train", "test", "test"]))["shared_addresses"] == 1


def test_the_table_round_trips(tmp_path):
    split = make_split(dna(200), SplitOptions(kind="random"))
    write_split(tmp_path / "split.parquet", split)
    back = read_split(tmp_path / "split.parquet")
    assert np.array_equal(back.part, split.part) and np.array_equal(back.ids, split.ids)
    assert back.proof == plain(split.proof) and back.warnings == split.warnings and back.kind == "random"
    assert back.blocks is None and np.array_equal(back.nearest_share, split.nearest_share, equal_nan=True)
    split = make_split(dna(200), SplitOptions(kind="homology"))
    write_split(tmp_path / "split.parquet", split)
    assert np.array_equal(read_split(tmp_path / "split.parquet").blocks, split.blocks)


def test_the_share_of_every_test_sequence_travels_with_the_split():
    data = dna(150)
    split = make_split(data, SplitOptions(kind="random"))
    test, train = split.where("test"), split.where("train")
    assert np.array_equal(split.nearest_share[test], containment(data.x.take(test), data.x.take(train)).share)
    assert np.isnan(np.delete(split.nearest_share, test)).all()
    assert split.nearest_share[test].max() == split.proof["largest_containment"]["share"]
    assert make_split(matrix(60), SplitOptions(kind="random")).nearest_share is None


def test_one_long_sequence_among_short_ones_is_proved_in_little_memory():
    data = dna(60, length=50)
    rng = np.random.default_rng(3)
    codes = [*[data.x[i] for i in range(58)], data.x[0], rng.integers(0, 4, 1_000_000).astype(np.uint8)]
    data = Dataset(data.ids, Sequences.from_codes(data.ids, codes), data.target, data.unit)
    part = np.where(np.arange(60) < 30, "train", "test").astype(object)
    tracemalloc.start()
    proof = prove(data, part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert proof["exact_duplicates"]["train-test"]["shown"] == [["s0", "s58"]]
    assert peak < 200e6


def test_clusters_and_groups_are_the_blocks_of_their_split():
    data = dna(120)
    codes = [data.x[i - i % 3] for i in range(120)]
    data = Dataset(data.ids, Sequences.from_codes(data.ids, codes), data.target, np.arange(120) // 2)
    split = make_split(data, SplitOptions(kind="homology"))
    for label in (np.arange(120) // 3, np.arange(120) // 2):
        assert straddling(label, split.blocks) == 0
    grouped = matrix(60)
    assert straddling(grouped.columns["group"], make_split(grouped, SplitOptions(kind="group")).blocks) == 0


@pytest.mark.parametrize("step", [1, 4])
def test_examples_longer_than_a_block_never_overlap_across_parts(step):
    start = np.sort(np.r_[np.arange(0, 2_000_000, 12000), np.arange(0, 2_000_000, 12000) + 4400])[::step]
    data = dna(len(start))
    columns = {"chrom": np.full(len(start), "chr1", object), "start": start, "end": start + 5000}
    data = Dataset(data.ids, data.x, data.target, data.unit, columns=columns)
    for gap in (0, 500):
        split = make_split(data, SplitOptions(kind="locus", block=1000, gap=gap, seed=1))
        assert not any(found["pairs"] for found in split.proof["interval_overlaps"].values())
        assert split.parameters["dropped"] == split.sizes().get(DROPPED, 0)
        for one, other in combinations(PARTS, 2):
            left, right = start[split.where(one)], start[split.where(other)]
            assert np.abs(left[:, None] - right[None, :]).min() >= 5000 + gap
    assert make_split(data, SplitOptions(kind="locus", gap=0, seed=1)).parameters["block"] >= 5000


def test_a_group_that_spans_chromosomes_is_divided_by_group():
    data = dna(220, contigs=22)
    group = np.array([f"patient{i % 11}" for i in range(220)], dtype=object)
    _, unit = np.unique((np.arange(220) * 7 % 5).astype(str), return_inverse=True)
    data = Dataset(data.ids, data.x, data.target, unit, columns={**data.columns, "group": group})
    assert (
        make_split(Dataset(data.ids, data.x, data.target, np.arange(220), columns=data.columns), SplitOptions()).kind
        == "chromosome"
    )
    assert _automatic(data, SplitOptions()) == "group"


def test_a_test_part_on_1_overlaps_a_training_part_on_chr1():
    data = dna(200, contigs=1)
    half = np.arange(200) >= 100
    chrom = np.where(half, "1", "chr1").astype(object)
    start = np.where(half, data.columns["start"] - 100 * 1000, data.columns["start"])
    data = Dataset(
        data.ids, data.x, data.target, data.unit, columns={"chrom": chrom, "start": start, "end": start + 60}
    )
    proof = prove(data, np.where(half, "test", "train").astype(object))
    assert proof["interval_overlaps"]["train-test"]["pairs"] == 100
    assert set(chromosomes(data)) == {"chr1"}
