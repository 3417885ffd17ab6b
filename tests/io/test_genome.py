"""A genome in codes against pysam and against text."""

from __future__ import annotations

import errno
import gzip

import numpy as np
import pysam
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError, InputError, MismatchError, RunError
from chiasma.data.contigs import bare_contig
from chiasma.data.intervals import make_intervals
from chiasma.data.sequences import decode
from chiasma.io import genome as module
from chiasma.io.genome import open_genome

TEXT = ">chr1 first\nACGTACGTNN\nacgtnnNNAC\n>chr2\nTTTTTCCCCC\n>chrM\nGATTACA\n"


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(TEXT)
    return open_genome(path, cache=tmp_path / "cache")


def test_contigs_and_runs(small):
    assert small.names == ("chr1", "chr2", "chrM")
    assert small.lengths.tolist() == [20, 10, 7] and small.problems() == []
    assert small.masked.tolist() == [[10, 16]]
    assert small.unknown.tolist() == [[8, 10], [14, 18]]
    zero = np.zeros(2, np.int64)
    np.testing.assert_allclose(small.share_masked(zero, np.array([8, 0]), np.array([12, 10])), [0.5, 0])
    np.testing.assert_allclose(small.share_unknown(zero, np.array([8, 0]), np.array([12, 8])), [0.5, 0])


def test_windows_strand_and_edges(small):
    places = make_intervals(["chr1", "chr1", "2", "MT"], [0, 0, -2, 4], [4, 4, 2, 8], strand=[1, -1, 1, 1])
    codes = small.windows(places)
    assert [decode(row) for row in codes] == ["ACGT", "ACGT", "NNTT", "ACAN"]
    assert "2 is chr2" in small.notes["contigs"] and small.notes["contigs"].startswith("2 intervals")
    assert small.inside(places).tolist() == [True, True, False, False]
    assert decode(small.windows(make_intervals(["chr2"], [3], [7]), length=2)[0]) == "TC"
    assert decode(small.windows(make_intervals(["chr2"], [30], [34]))[0]) == "NNNN"


def test_clear_errors(small):
    with pytest.raises(MismatchError, match="NC_1") as error:
        small.windows(make_intervals(["NC_1"], [0], [4]))
    assert "chr1" in str(error.value)
    with pytest.raises(MismatchError, match="1 intervals"):
        small.windows(make_intervals(["chr1", "chr9"], [0, 0], [4, 4]))
    with pytest.raises(InputError, match="differ in length"):
        small.windows(make_intervals(["chr1", "chr1"], [0, 0], [4, 5]))


def test_names_without_style():
    same = [("chr1", "1"), ("Chr5", "chr5"), ("chrM", "MT"), ("Mito", "chrM"), ("NC_000913.3", "NC_000913")]
    assert all(bare_contig(a) == bare_contig(b) for a, b in [*same, ("chr01", "1"), ("chrX", "X")])
    assert bare_contig("chr1") != bare_contig("chr11")
    assert bare_contig("chr") == "chr"


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(0, 2**31))
def test_any_block_size_gives_the_same(tmp_path_factory, block, seed):
    folder = tmp_path_factory.mktemp("genome")
    path = folder / "g.fa"
    rng = np.random.default_rng(seed)
    letters = ["".join(rng.choice(list("ACGTNacgtn"), rng.integers(1, 90))) for _ in range(4)]
    path.write_text("".join(f">c{i} x\n" + "\n".join(s[j : j + 9] for j in range(0, len(s), 9)) + "\n"
                            for i, s in enumerate(letters)))  # fmt: skip
    whole = open_genome(path, cache=folder / "a")
    with pytest.MonkeyPatch.context() as patch:
        original = module.read_blocks

        def chopped(source):
            for piece in original(source):
                yield from (piece[start : start + block] for start in range(0, len(piece), block))

        patch.setattr(module, "read_blocks", chopped)
        other = open_genome(path, cache=folder / "b")
    assert whole.names == other.names and np.array_equal(whole.codes, other.codes)
    assert np.array_equal(whole.masked, other.masked) and np.array_equal(whole.unknown, other.unknown)
    flags = np.array([letter.islower() for letter in "".join(letters)])
    twin = np.zeros(len(flags), bool)
    for start, end in whole.masked:
        twin[start:end] = True
    assert np.array_equal(flags, twin)
    assert decode(whole.codes) == "".join(letters).upper()


def test_cache_is_reused_and_survives_a_read_only_place(tmp_path, monkeypatch):
    path = tmp_path / "g.fa.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    first = open_genome(path, cache=tmp_path / "cache")
    monkeypatch.setattr(module, "_write_cache", lambda *_: pytest.fail("built again"))
    again = open_genome(path, cache=tmp_path / "cache")
    assert np.array_equal(first.codes, again.codes)
    monkeypatch.undo()
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert np.array_equal(open_genome(path, cache=blocked / "x").codes, first.codes)
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "user"))
    open_genome(path)
    assert list((tmp_path / "user" / "genomes").iterdir())


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "g.fa"
    path.write_text(TEXT)

    def full(_, folder):
        (folder / "codes.u8").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write_cache", full)
    with pytest.raises(RunError, match="No space left"):
        open_genome(path, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"chr1\t1\t2\n", "not a FASTA"),
        (b">a\nAC\n>a\nGT\n", "duplicate contig"),
        (b">a\nMKLEF\n", "not DNA"),
        (b">a\n", "no bases"),
        (gzip.compress(TEXT.encode() * 9, mtime=0)[:-9], "truncated"),
    ],
)
def test_bad_genomes_are_refused_and_leave_nothing(tmp_path, raw, message):
    path = tmp_path / "g.fa"
    path.write_bytes(raw)
    with pytest.raises((FormatError, InputError), match=message):
        open_genome(path, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.realdata
def test_against_pysam_on_hg38(data_dir, tmp_path):
    path = data_dir / "sequence/genomes/hg38_1m.fa.gz"
    genome = open_genome(path, cache=tmp_path)
    rng = np.random.default_rng(0)
    start = rng.integers(0, 1_000_000 - 501, 200)
    codes = genome.windows(make_intervals(["1"] * 200, start, start + 501))
    with pysam.FastaFile(str(path)) as fasta:
        texts = [fasta.fetch("chr1", s, s + 501) for s in start]
    assert [decode(row) for row in codes] == [text.upper() for text in texts]
    lower = [np.mean([letter.islower() for letter in text]) for text in texts]
    np.testing.assert_allclose(genome.share_masked(np.zeros(200, int), start, start + 501), lower)


@pytest.mark.realdata
def test_whole_genomes(data_dir, tmp_path):
    folder = data_dir / "sequence"
    yeast = open_genome(folder / "yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz", cache=tmp_path)
    assert len(yeast.names) == 17 and len(yeast.codes) == 12_157_105
    assert yeast.contig_indices(np.array(["chrIV", "chrM"])).tolist() == [
        yeast.names.index("IV"),
        yeast.names.index("Mito"),
    ]
    coli = open_genome(folder / "ecoli/GCF_000005845.2_ASM584v2_genomic.fna.gz", cache=tmp_path)
    assert len(coli.codes) == 4_641_652 and len(coli.unknown) == 0
    cress = open_genome(folder / "genomes/arabidopsis_chr5_1Mb/genome.fa.gz", cache=tmp_path)
    share = (cress.masked[:, 1] - cress.masked[:, 0]).sum() / len(cress.codes)
    assert share == pytest.approx(0.035, abs=0.002)


def test_a_known_file_is_not_hashed_again_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "g.fa"
    path.write_text(TEXT)
    first = open_genome(path, cache=tmp_path / "cache")
    monkeypatch.setattr(module, "content_hash", lambda _: pytest.fail("read again"))
    assert np.array_equal(open_genome(path, cache=tmp_path / "cache").codes, first.codes)
    monkeypatch.undo()
    path.write_text(TEXT + ">more\nACGT\n")
    assert open_genome(path, cache=tmp_path / "cache").names[-1] == "more"
