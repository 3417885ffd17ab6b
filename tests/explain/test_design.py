from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import UsageError
from chiasma.data.sequences import decode, encode, reverse_complement
from chiasma.explain.constraints import Constraints, occurrences
from chiasma.explain.design import Aim, design, second_opinion
from chiasma.explain.onehot import one_hot
from explain.models import Linear, Scanner, random_codes

WORD = encode("TGACTCA")


def summed(weight):
    """A model that adds weights (base, position) of the bases present."""
    weight = torch.as_tensor(weight, dtype=torch.float32)
    return lambda x: (x * weight).sum((1, 2))[:, None]


def longest_run(text):
    best = run = 1
    for left, right in itertools.pairwise(text):
        run = run + 1 if left == right else 1
        best = max(best, run)
    return best


@settings(max_examples=50, deadline=None)
@given(st.text("ACGT", min_size=8, max_size=30), st.sampled_from(["CC", "GG", "CG", "GGC"]), st.integers(1, 4))
def test_violations_are_those_of_the_text(text, word, run):
    codes = encode(text)
    rules = Constraints(gc=(0.4, 0.6), longest_run=run, forbidden=(encode(word),), required=(WORD,))
    other = decode(reverse_complement(encode(word)))
    share = sum(base in "GC" for base in text) / len(text)
    expected = [
        not 0.4 - 1e-9 <= share <= 0.6 + 1e-9,
        longest_run(text) > run,
        word in text or other in text,
        "TGACTCA" not in text and "TGAGTCA" not in text,
    ]
    assert len(rules.problems(codes)) == sum(expected)
    assert (rules.violations(codes[None])[0] > 0) == any(expected)
    after = rules.after_edits(codes)
    position, base = len(text) // 2, (codes[len(text) // 2] + 1) % 4
    edited = codes.copy()
    edited[position] = base
    assert after[position, base] == rules.violations(edited[None])[0]
    assert np.isinf(after[np.arange(len(codes)), codes]).all(), "the base present is no edit"


def test_words_are_counted_on_both_strands_and_palindromes_once():
    assert occurrences(encode("AAGAATTCAA")[None], encode("GAATTC")).tolist() == [1]
    assert occurrences(encode("TGACTCATTTGAGTCA")[None], WORD).tolist() == [2]


@pytest.mark.parametrize("search", ["greedy", "beam", "gradient"])
def test_a_sum_of_weights_is_brought_to_its_optimum(search):
    weight = np.random.default_rng(0).normal(size=(4, 12))
    (found,) = design(summed(weight), random_codes(1, 12), Aim("raise"), search=search, steps=12, width=3)
    np.testing.assert_array_equal(found.codes, weight.argmax(axis=0))
    assert found.after == pytest.approx(weight.max(axis=0).sum(), abs=1e-5)
    (low,) = design(summed(weight), random_codes(1, 12), Aim("lower"), search=search, steps=12, width=3)
    np.testing.assert_array_equal(low.codes, weight.argmin(axis=0))


def test_greedy_makes_the_best_edit_each_time():
    weight = np.random.default_rng(1).normal(size=(4, 20))
    start = random_codes(1, 20)
    (found,) = design(summed(weight), start, Aim(), steps=3)
    gains = np.sort(weight.max(axis=0) - weight[start[0], np.arange(20)])[::-1]
    np.testing.assert_allclose(np.diff([found.before, *found.trail]), gains[:3], atol=1e-5)
    assert found.n_edits == 3 and found.n_scored == 1 + 3 * 60


@pytest.mark.parametrize("search", ["greedy", "beam", "gradient"])
def test_rules_are_obeyed_though_the_model_wants_otherwise(search):
    weight = np.zeros((4, 40))
    weight[2] = 1.0  # as many G as there can be
    rules = Constraints(
        gc=(0.3, 0.6), longest_run=3, forbidden=(encode("GGCC"),), required=(encode("TATAAA"),), kept=((0, 4),)
    )
    starts = random_codes(2, 40, seed=2)
    for start, found in zip(starts, design(summed(weight), starts, Aim(), constraints=rules, search=search, steps=60)):
        assert found.problems == () and found.after > found.before
        text = decode(found.codes)
        assert sum(base in "GC" for base in text) <= 24 and longest_run(text) <= 3 and "GGCC" not in text
        assert "TATAAA" in text or "TTTATA" in text
        np.testing.assert_array_equal(found.codes[:4], start[:4])


def test_too_few_steps_leave_problems_that_are_named():
    rules = Constraints(required=(encode("TATAAATATA"),))
    (found,) = design(Scanner(), encode("G" * 30)[None], Aim(), constraints=rules, steps=2)
    assert found.problems == ("lacks TATAAATATA",)


def test_a_number_is_approached():
    model = Linear(30)
    (found,) = design(model, random_codes(1, 30), Aim(2.5), steps=30)
    assert abs(found.after - 2.5) < min(0.2, abs(found.before - 2.5))


def test_the_scanner_is_given_its_word():
    start = encode("ACGGTTTGACGGATTTGGCCAAGGCCAATT")[None]
    (found,) = design(Scanner(), start, Aim(), steps=10)
    assert "TGACTCA" in decode(found.codes) and found.after == pytest.approx(2.5)


def test_a_second_model_that_is_not_convinced_is_heard():
    weight = np.random.default_rng(3).normal(size=(4, 20))
    starts = random_codes(4, 20)
    found = design(summed(weight), starts, Aim(), steps=8)
    alike = second_opinion(summed(weight * 0.9), found, Aim())
    assert alike.warning == "" and np.allclose(alike.gap, 0.1 * alike.searched_gain, atol=1e-4)
    other = second_opinion(summed(-weight), found, Aim())
    assert "only the searched model is convinced" in other.warning and "in 4 of 4 designs" in other.warning
    assert (other.gain < 0).all()
    with torch.no_grad():
        np.testing.assert_allclose(other.after, summed(-weight)(one_hot(found[0].codes[None]))[0, 0], atol=10)


def test_bad_rules_are_named():
    with pytest.raises(UsageError, match="GC content"):
        Constraints(gc=(0.7, 0.3))
    with pytest.raises(UsageError, match="unknown bases"):
        Constraints(forbidden=(encode("ACN"),))
    with pytest.raises(UsageError, match="holds a forbidden one"):
        Constraints(required=(encode("GAATTC"),), forbidden=(encode("AATT"),))
    with pytest.raises(UsageError, match="no such search"):
        design(Scanner(), random_codes(1, 20), Aim(), search="luck")
