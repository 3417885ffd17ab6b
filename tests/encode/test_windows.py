"""Windows around summits, and intervals off the edge."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.data.intervals import make_intervals
from chiasma.encode.windows import check_reference, extract, fixed_windows
from chiasma.io.genome import open_genome


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">1\nAACCGGTTAC\n>2\nTTTTT\n")
    return open_genome(path, cache=tmp_path / "cache")


def test_fixed_windows_hold_the_anchor_at_the_same_index(genome):
    places = make_intervals(
        ["1"] * 3, [2, 2, 2], [8, 8, 8], strand=[1, -1, 0], columns={"summit": np.array([4, 4, -1])}
    )
    for length in (3, 4):
        windows = fixed_windows(places, length)
        assert (windows.lengths == length).all()
        sequences, skips = extract(genome, windows)
        assert not skips
        # The base at 0-based 4 is G on the plus strand, C on the minus strand; at the midpoint 5 it is G.
        assert [text[length // 2] for text in sequences.strings()] == ["G", "C", "G"]


def test_ragged_extraction_by_strand(genome):
    places = make_intervals(["1", "1", "2"], [0, 0, 1], [4, 3, 3], strand=[1, -1, 0])
    sequences, skips = extract(genome, places)
    assert sequences.strings() == ["AACC", "GTT", "TT"] and skips == []
    assert sequences.problems() == [] and sequences.intervals is not None


def test_outside_is_skipped_padded_or_refused(genome):
    places = make_intervals(["1", "1", "1", "9", "1"], [0, 8, 3, 0, 1], [4, 12, 5, 4, 2])
    sequences, skips = extract(genome, places)
    assert len(sequences) == 3
    assert [(skip.reason, skip.count) for skip in skips] == [
        ("contig absent from the genome", 1),
        ("beyond the end of the contig", 1),
    ]
    assert skips[1].examples == ("1:8-12",)
    padded, skips = extract(genome, places, outside="pad")
    assert padded.strings()[1] == "ACNN" and len(skips) == 1
    with pytest.raises(MismatchError, match="2 of 5"):
        extract(genome, places, outside="error")


def test_intervals_beyond_the_end_are_counted_unless_all_are(genome):
    places = make_intervals(["1"] * 3, [0, 5000, 6000], [4, 5004, 6004])
    sequences, skips = extract(genome, places)
    assert len(sequences) == 1 and [(skip.count, skip.examples[0]) for skip in skips] == [(2, "1:5000-5004")]
    for number, outside in enumerate(("skip", "pad", "error"), start=2):
        with pytest.raises(MismatchError, match="2 of 2"):
            extract(genome, places.take(np.array([1, 2])), outside=outside)
        with pytest.raises(MismatchError, match="2 of 3") as error:
            extract(genome, make_intervals(["1", "9", "9"], [0, 0, number], [4, 4, 8]), outside=outside)
        assert "same species and build" in str(error.value)
    with pytest.raises(InsufficientDataError):
        extract(genome, places.take(np.zeros(0, int)))


def test_sequences_are_compared_with_the_genome(genome):
    places = make_intervals(["1", "1"], [0, 3], [8, 10], strand=[1, -1])
    sequences, _ = extract(genome, places)
    check_reference(genome, sequences)
    check_reference(genome, sequences.reverse_complemented())
    other = make_intervals(["1", "1"], [2, 2], [10, 9], strand=[1, -1])
    wrong = type(sequences)(sequences.ids, sequences.codes, sequences.offsets, other)
    with pytest.raises(MismatchError, match="2 of 2 differ"):
        check_reference(genome, wrong)
