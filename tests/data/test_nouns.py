"""The nouns keep their invariants under slicing, and list all that is wrong with them."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.haplotypes import Haplotypes
from chiasma.data.intervals import make_intervals
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences, concatenate, decode, encode, reverse_complement
from chiasma.data.split import Split

texts = st.lists(st.text("ACGTN", max_size=12), min_size=1, max_size=8)


def make(strings):
    return Sequences.from_strings([f"s{i}" for i in range(len(strings))], strings)


@given(texts)
def test_sequences_round_trip_and_complement_twice_is_nothing(strings):
    sequences = make(strings)
    assert sequences.strings() == strings
    assert sequences.reverse_complemented().reverse_complemented().strings() == strings
    pairs = zip(strings, sequences.reverse_complemented().strings(), strict=True)
    assert all(there == decode(reverse_complement(encode(here))) for here, there in pairs)


@given(texts, st.data())
def test_taking_sequences_equals_taking_strings(strings, data):
    index = data.draw(st.lists(st.integers(0, len(strings) - 1), max_size=6))
    sequences = make(strings)
    assert sequences.take(np.array(index, int)).strings() == [strings[i] for i in index]
    assert concatenate([sequences, sequences]).strings() == strings * 2


@given(texts, st.integers(1, 15))
def test_padding_centres(strings, length):
    padded = make(strings).padded(length)
    for row, text in zip(padded, strings, strict=True):
        shift = (length - len(text)) // 2
        expected = [text[j - shift] if 0 <= j - shift < len(text) else "N" for j in range(length)]
        assert decode(row) == "".join(expected)


def test_case_uracil_and_iupac_become_codes():
    assert decode(encode("acguRYn-")) == "ACGTNNNN"
    np.testing.assert_allclose(make(["GGNN", "AT", "NN"]).gc(), [1.0, 0.0, np.nan])


def test_problems_are_all_listed():
    broken = Sequences.from_strings(["a", "a"], ["ACG", ""])
    assert len(broken.problems()) == 2
    intervals = make_intervals(["chr1"] * 3, [-1, 5, 0], [3, 5, 1])
    assert len(intervals.problems()) == 2
    matrix = Matrix(np.array([[np.inf, 1.0]]), np.array(["a"]), np.array(["x", "x"]))
    assert len(matrix.problems()) == 2
    other = Matrix(np.zeros((1, 1)), np.array(["b"]), np.array(["x"]))
    assert any("line up" in p or "not those" in p for p in Views({"m": matrix, "o": other}).problems())
    assert Split("random", np.array(["a"]), np.array(["train"])).problems() == ["the test part is empty"]


def haplotypes():
    alleles = np.array([[0, 1, 1], [1, 0, -1], [0, 0, 1], [1, 1, 0]], np.int8)
    return Haplotypes(alleles, np.array([1.0, 5.0, 9.0]), 0, 10, "2", np.array(["x", "y"]), 2)


def test_haplotypes_slice_by_region_and_sample():
    region = haplotypes().region(2, 9)
    assert region.n_sites == 1 and region.length == 7 and not region.problems()
    swapped = haplotypes().take_samples(np.array([1, 0]))
    np.testing.assert_array_equal(swapped.alleles, haplotypes().alleles[[2, 3, 0, 1]])


def test_a_dataset_of_one_class_says_so():
    target = Target("binary", np.array([1, 1]), ("negative", "positive"))
    data = Dataset(np.array(["a", "b"]), make(["AC", "GT"]), target, np.arange(2))
    assert "only one class" in data.problems()[0]
    assert len(data.take(np.array([True, False]))) == 1


@pytest.mark.parametrize(
    ("count", "names", "text"), [(1, ("a",), "1 skipped: short (a)"), (3, ("a",), "3 skipped: short (a, ...)")]
)
def test_a_skip_counts_and_names(count, names, text):
    assert str(Skip("short", count, names)) == text


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_targets_that_are_not_numbers_are_refused(kind):
    target = Target(kind, np.array([[1, 0], [0, np.nan], [1, 1]]), ("a", "b"))
    data = Dataset(np.array(["a", "b", "c"]), make(["AC", "GT", "TT"]), target, np.arange(3))
    assert data.problems() == ["1 examples have a target that is not a number"]
    assert not data.take(np.array([0, 2])).problems()
