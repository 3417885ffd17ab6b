from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import InputError, InsufficientDataError, UsageError
from chiasma.data.motif import consensus, log_odds
from chiasma.data.sequences import Sequences, encode
from chiasma.explain.clustering import cluster_seqlets
from chiasma.explain.loadings import top_features, write_loadings
from chiasma.explain.marginalise import ablate, insert, marginalise, spacing
from chiasma.explain.match import _both_strands, _Null, match_motifs, match_one
from chiasma.explain.motifs import discover_motifs, modisco_settings, run_modisco
from chiasma.explain.profile import BACTERIAL_PROMOTER, find_words, position_profile, sentence
from chiasma.explain.pwm import DiscoveredMotif, informative_span
from chiasma.explain.scan import scan, score_tail
from chiasma.explain.seqlets import recursive_seqlets, threshold_seqlets, window_sums
from chiasma.explain.sequence_report import explain_sequences
from chiasma.explain.write import write_explanation
from chiasma.io.meme import read_meme
from explain.models import Gated, Linear, Scanner, cnn, random_codes


def word_motif(word, name="", strength=0.91):
    rest = (1 - strength) / 3
    matrix = np.where(np.arange(4) == encode(word)[:, None], strength, rest)
    return DiscoveredMotif(name or word, matrix, matrix, 50, "seqlet-clustering")


def planted(n=300, length=60, word="TGACTCA", seed=0):
    """Sequences with a word, and attributions that are high on it."""
    rng = np.random.default_rng(seed)
    codes = random_codes(n, length, seed)
    scores = rng.normal(0, 0.02, (n, length))
    for row, start in enumerate(rng.integers(5, length - 5 - len(word), n)):
        chosen = encode(word) if row % 2 else 3 - encode(word)[::-1]
        codes[row, start : start + len(word)] = chosen
        scores[row, start : start + len(word)] += 1
    hypothetical = np.where(codes[..., None] == np.arange(4), scores[..., None], -scores[..., None] / 3)
    return codes, scores, hypothetical


def test_seqlets_are_the_planted_spans():
    _, scores, _ = planted()
    for found in (recursive_seqlets(scores), threshold_seqlets(scores, width=7, quantile=0.9)):
        top = found[:300]
        assert len({seqlet.row for seqlet in top}) == 300
        assert all(scores[s.row, s.start : s.end].sum() > 4 for s in top)
        taken = np.zeros(scores.shape, int)
        for seqlet in found:
            taken[seqlet.row, seqlet.start : seqlet.end] += 1
        assert taken.max() == 1
    assert recursive_seqlets(np.zeros((2, 30))) == []
    with pytest.raises(UsageError):
        recursive_seqlets(np.zeros((2, 3)))


def test_padding_neither_makes_seqlets_nor_hides_them():
    noise = np.random.default_rng(0).normal(size=(300, 150))
    padded, known = np.zeros((300, 400)), np.zeros((300, 400), bool)
    padded[:, 125:275], known[:, 125:275] = noise, True
    for find in (recursive_seqlets, threshold_seqlets):
        bare, centred = find(noise), find(padded, known=known)
        assert [(s.row, s.start + 125, s.end + 125) for s in bare] == [(s.row, s.start, s.end) for s in centred]
    assert recursive_seqlets(padded, known=np.zeros_like(known)) == []


def test_window_sums_equal_a_loop():
    scores = np.random.default_rng(0).normal(size=(3, 11))
    expected = [[row[i : i + 4].sum() for i in range(8)] for row in scores]
    np.testing.assert_allclose(window_sums(scores, 4), expected)


def test_clustering_finds_the_planted_word():
    codes, scores, _ = planted()
    motifs = cluster_seqlets(codes, scores, recursive_seqlets(scores))
    assert motifs[0].n_seqlets > 200
    assert motifs[0].consensus.strip("N") in {"TGACTCA", "TGAGTCA", "TGASTCA"} or "GACTC" in motifs[0].consensus
    assert cluster_seqlets(codes, scores, []) == []


def test_discovery_stops_at_its_limit_and_says_so():
    codes, scores, hypothetical = planted(n=120, length=81)
    begun = time.monotonic()
    found = discover_motifs(codes, scores, hypothetical, time_limit_s=0.2)
    assert time.monotonic() - begun < 10
    assert any("time limit of 0.2 s" in note for note in found.notes)
    assert found.motifs[0].source == "seqlet-clustering"


def test_discovery_with_too_little_says_why():
    codes, scores, hypothetical = planted(n=20)
    scores[3] = np.nan
    found = discover_motifs(codes, scores, hypothetical)
    assert any("TF-MoDISco needs" in note for note in found.notes)
    assert any("1 sequences without a finite" in note for note in found.notes)
    assert not discover_motifs(codes, np.zeros_like(scores), hypothetical).motifs


@pytest.mark.slow
def test_modisco_finds_the_planted_word_in_81_bp():
    codes, _, hypothetical = planted(n=600, length=81)
    motifs, reason = run_modisco(codes, hypothetical, time_limit_s=120)
    assert motifs, reason
    assert match_motifs(motifs[:1], database())[0][0].match == "TGACTCA"


@given(st.integers(30, 3000))
def test_modisco_window_fits(length):
    options = modisco_settings(length, 500)
    assert options["sliding_window_size"] + 2 * options["flank_size"] < length
    assert options["trim_to_window_size"] <= options["sliding_window_size"] + 2 * options["flank_size"]


def database(n=80, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for index in range(n):
        matrix = rng.dirichlet(np.full(4, 0.3), int(rng.integers(7, 16)))
        made.append(DiscoveredMotif(f"random_{index}", matrix, matrix, 1, "tf-modisco"))
    return [*made, word_motif("TGACTCA"), word_motif("CACGTGACC")]


def test_match_names_motif_strand_and_offset():
    query = word_motif("AATGACTCAGG")
    best = match_motifs([query], database())[0][0]
    assert (best.match, best.strand, best.offset, best.overlap) == ("TGACTCA", "+", 2, 7)
    flipped = DiscoveredMotif("rc", query.probabilities[::-1, ::-1], query.contributions, 9, "tf-modisco")
    other = match_motifs([flipped], database())[0][0]
    assert (other.match, other.strand) == ("TGACTCA", "-")
    assert best.p < 1e-4
    assert best.q < 0.01
    with pytest.raises(InputError, match="no motif"):
        match_motifs([query], [])


def test_match_p_values_are_not_too_small_under_the_null():
    rng = np.random.default_rng(1)
    targets = database(150)
    columns = np.concatenate([motif.probabilities for motif in targets])
    p = []
    for index in range(30):
        matrix = columns[rng.integers(0, len(columns), 10)]
        query = DiscoveredMotif(str(index), matrix, matrix, 1, "tf-modisco")
        p += [match.p for match in match_motifs([query], targets, top=len(targets))[0]]
    p = np.array(p)
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() < 1.3 * level


def test_the_null_of_the_best_alignment_equals_draws():
    """Of a query of four positions and motifs of three: every alignment scored on columns drawn by themselves."""
    rng = np.random.default_rng(3)
    columns = rng.integers(-6, 9, (4, 50))
    spans = [(0, 2), (0, 3), (1, 4), (2, 4)]  # shifts -1, 0, 1 and 2 share two positions or more
    drawn = np.max(
        [sum(columns[place][rng.integers(0, 50, 200_000)] for place in range(first, end)) for first, end in spans],
        axis=0,
    )
    null = _Null(columns)
    for score in (0, 5, 9, 14, 19):
        found = null.of_largest(3, np.array([score]), least_overlap=2)[0]
        assert found == pytest.approx((drawn >= score).mean(), abs=4e-3)


@pytest.mark.oracle
def test_p_values_are_those_of_another_tomtom():
    """memelite, which bins scores otherwise: within 0.3 in log10 below p = 1e-3, within 0.15 above."""
    from memelite import tomtom

    targets = database(300)
    queries = [word_motif("AATGACTCAGG"), word_motif("CACGTG"), *targets[:4]]
    wanted = tomtom(
        [one.probabilities.T.copy() for one in queries],
        [one.probabilities.T.copy() for one in targets],
        n_target_bins=None,
        n_jobs=1,
    )[0]
    padded, widths = _both_strands(targets)
    for query, row in zip(queries, wanted, strict=True):
        found = match_one(query.probabilities, padded, widths, least_overlap=1)[0]
        known = (row > 1e-13) & (row < 0.5)
        gap = np.abs(np.log10(found[known]) - np.log10(row[known]))
        assert gap[row[known] < 1e-3].max(initial=0) < 0.3 and gap[row[known] >= 1e-3].max() < 0.15


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_score_tail_equals_enumeration(seed, width):
    steps = np.random.default_rng(seed).integers(-20, 20, (width, 4))
    background = np.random.default_rng(seed).dirichlet(np.ones(4))
    totals, mass = np.zeros(1, int), np.ones(1)
    for row in steps:
        totals = (totals[:, None] + row).ravel()
        mass = (mass[:, None] * background).ravel()
    lowest, tail = score_tail(steps, background=background)
    for threshold in np.unique(totals):
        assert tail[threshold - lowest] == pytest.approx(mass[totals >= threshold].sum(), abs=1e-12)


def test_scan_finds_both_strands():
    codes = np.zeros((2, 30), np.uint8)
    codes[0, 5:12] = encode("TGACTGG")
    codes[1, 9:16] = 3 - encode("TGACTGG")[::-1]
    hits = scan(codes, word_motif("TGACTGG", strength=0.97), p_threshold=1e-4)
    assert set(zip(hits.row, hits.start, hits.strand)) == {(0, 5, "+"), (1, 9, "-")}
    with pytest.raises(UsageError, match="longer"):
        scan(codes[:, :3], word_motif("TGACTGG"))


def test_consensus_and_span():
    motif = word_motif("NACGTN".replace("N", "A"))
    assert motif.consensus == "AACGTA"
    assert consensus(np.full((2, 4), 0.25)) == "NN"
    padded = np.vstack([np.full((4, 4), 0.25), motif.probabilities, np.full((3, 4), 0.25)])
    assert informative_span(padded) == slice(4, 10)
    assert log_odds(np.full((1, 4), 0.25)).max() == pytest.approx(0)


def test_marginalisation_ablation_and_spacing():
    backgrounds = random_codes(50, 40)
    word = encode("TGACTCA")
    assert marginalise(Scanner(), backgrounds, word).mean > 2
    carrying = insert(backgrounds, word, start=10)
    assert ablate(Scanner(), carrying, start=10, end=17, seed=1).mean < -1
    table = spacing(Scanner(), backgrounds, (word, word), gaps=[1, 4])
    assert table["interaction"].max() < 0, "a maximum saturates"
    with pytest.raises(UsageError):
        insert(backgrounds, word, start=36)


def test_profile_finds_boxes_where_they_are():
    rng = np.random.default_rng(0)
    codes, scores = random_codes(200, 81), rng.normal(0, 0.1, (200, 81))
    for row in range(200):
        start = 60 - 12 + rng.integers(-1, 2)
        codes[row, start : start + 6] = encode("TATAAT")
        scores[row, start : start + 6] += 0.5
    boxes = {item.name: item for item in find_words(codes, scores, BACTERIAL_PROMOTER, origin=60)}
    assert boxes["-10"].found
    assert abs(boxes["-10"].position + 12) <= 3
    assert not boxes["-35"].found
    assert "absent" in sentence(boxes["-35"])
    profile = position_profile(scores, origin=60)
    assert profile["position"][profile["mean"].argmax()] in range(-13, -4)


def test_a_word_counts_once_in_a_sequence():
    rng = np.random.default_rng(0)
    codes, scores = np.full((40, 30), 1, np.uint8), rng.normal(0, 0.1, (40, 30))
    codes[:15, 8:20] = 0  # a run of A holds AAAAAA at seven starts of the same sequence
    scores[:15] += 1
    (found,) = find_words(codes, scores, {"A": "AAAAAA"})
    assert found.n == 15 and not found.found  # 75 windows are no 20 sequences


def test_explanation_is_written_whole(tmp_path):
    codes, _, _ = planted(n=60, length=40)
    sequences = Sequences.from_codes([f"s{i}" for i in range(60)], codes)
    result = explain_sequences(
        Scanner(), sequences, target=0, n_attributed=55, seed=1, meme=database(), time_limit_s=0.2
    )
    assert result.notes["method"] == "deep-lift-shap"
    assert result.notes["completeness"]["n_failed"] == 0
    assert result.notes["mutagenesis_agreement"]["median"] > 0.5
    files = write_explanation(tmp_path, result, origin=20, words={"AP-1": "TGACTCA"})
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    notes = json.loads((tmp_path / "notes.json").read_text())
    assert notes["words"][0]["name"] == "AP-1"
    table = pd.read_csv(tmp_path / "motifs.tsv", sep="\t")
    assert len(table) == len(result.motifs) >= 1
    assert table["match"][0] == "TGACTCA"
    back = read_meme(tmp_path / "motifs.meme")
    assert [(motif.name, motif.alt) for motif in back] == list(zip(table["motif"], table["consensus"], strict=True))
    np.testing.assert_allclose(back[0].probabilities, result.motifs[0].probabilities, atol=1e-9)
    archive = np.load(tmp_path / "attributions.npz", allow_pickle=False)
    assert archive["hypothetical"].shape == (55, 40, 4)


def test_auto_falls_back_and_says_so():
    sequences = Sequences.from_codes(
        [f"s{i}" for i in range(6)], [row[: 20 + i] for i, row in enumerate(random_codes(6, 30))]
    )
    result = explain_sequences(Gated(), sequences, target=0)
    assert result.attribution.method == "integrated-gradients"
    assert "gru" in result.notes["fallback"]["reason"]
    assert any("centred" in message for message in result.notes["messages"])
    with pytest.raises(UsageError, match="unknown attribution"):
        explain_sequences(Gated(), sequences, target=0, method="magic")
    with pytest.raises(InsufficientDataError):
        explain_sequences(Gated(), sequences.take(np.zeros(0, int)), target=0)


@pytest.mark.parametrize("method", ["ism", "saliency", "input-x-gradient", "integrated-gradients"])
def test_every_method_by_name(method):
    sequences = Sequences.from_codes([f"s{i}" for i in range(4)], random_codes(4, 24))
    result = explain_sequences(Linear(24), sequences, target=0, method=method, reference="zeros")
    assert result.attribution.method == method
    assert result.attribution.target == "0"


def test_loadings_table(tmp_path):
    table = pd.DataFrame({"comp 1": [0.1, -0.9, 0.0], "comp 2": [0.5, 0.0, 0.0]}, index=["a", "b", "c"])
    rows = top_features({"rna": table}, stability={"rna": table.abs()})
    assert [(row["component"], row["feature"]) for row in rows] == [("comp 1", "b"), ("comp 1", "a"), ("comp 2", "a")]
    assert rows[0]["stability"] == 0.9
    assert len(write_loadings(tmp_path, {"rna": table}).read_text().splitlines()) == 4


@pytest.mark.realdata
def test_seqlets_of_gata_peaks(data_dir):
    import torch

    folder = data_dir / "sequence" / "tangermeme"
    x = torch.load(folder / "X_gata.torch", weights_only=True).numpy()
    attributions = torch.load(folder / "X_gata_attr.torch", weights_only=True).numpy()
    codes = np.where(x.sum(1) > 0, x.argmax(1), 4).astype(np.uint8)
    scores = (attributions * x).sum(1)
    top = recursive_seqlets(scores, p_threshold=0.001)[:12]
    words = ["".join("ACGTN"[code] for code in codes[s.row, max(0, s.start - 2) : s.end + 2]) for s in top]
    assert sum("GATA" in word or "TATC" in word for word in words) >= 3, words


@pytest.mark.realdata
def test_hocomoco_names_ctcf(data_dir):
    motifs = read_meme(data_dir / "sequence" / "motifs" / "H12CORE_meme_format.meme")
    known = next(motif for motif in motifs if motif.name.startswith("CTCF.")).probabilities
    blurred = (0.8 * known + 0.05)[3:-3][::-1, ::-1]
    best = match_motifs([DiscoveredMotif("blurred", blurred, blurred, 1, "tf-modisco")], motifs)[0][0]
    assert best.match.startswith("CTCF.")
    assert best.strand == "-"
    assert best.q < 1e-3


def test_network_without_motifs_says_so():
    sequences = Sequences.from_codes([f"s{i}" for i in range(10)], random_codes(10, 48))
    import torch

    from chiasma.explain.onehot import one_hot

    model = cnn()
    with torch.no_grad():
        model(one_hot(random_codes(2, 48)))
    result = explain_sequences(model, sequences, target=1, target_name="bound")
    assert result.attribution.target == "bound"
    assert result.motifs == ()
    assert "no motif found" in result.notes["messages"]
