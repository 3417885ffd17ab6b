"""Anchors: Seurat's anchors, scores and corrected values from raw counts; transfer, imputation, bad input."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.io.tables import read_matrix
from chiasma.methods.omics.cca_anchors.config import Config, tiny
from chiasma.methods.omics.cca_anchors.examples import example
from chiasma.methods.omics.cca_anchors.model import CcaAnchors, build
from chiasma.stats.cells.anchors import AnchorRules, find_anchors


def pair(seed: int = 0) -> tuple[Dataset, Dataset]:
    data = example(seed)
    second = data.columns["set"] == "second"
    return data.take(~second), data.take(second)


def test_types_are_handed_over_and_the_drift_is_taken_out():
    reference, query = pair()
    model = build(tiny()).fit(reference, seed=1)
    aligned = model.align(query)
    assert (aligned.probabilities.argmax(axis=1) == query.target.values).mean() > 0.95
    np.testing.assert_allclose(aligned.probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.scores(query), aligned.probabilities)
    cells = model.cells(query)
    assert list(cells.genes) == list(aligned.genes) and aligned.corrected.shape == (70, len(cells.genes))

    def drift(values: np.ndarray) -> float:
        codes = query.target.values
        first = cells.values[:80]
        return float(
            np.mean(
                [
                    np.abs(first[reference.target.values == k].mean(axis=0) - values[codes == k].mean(axis=0)).mean()
                    for k in range(3)
                ]
            )
        )

    assert drift(aligned.corrected) < 0.5 * drift(cells.values[80:])
    assert set(aligned.anchors) == {"reference", "query", "score"}


def test_continuous_features_are_foreseen():
    reference, query = pair(1)
    model = build(tiny()).fit(reference, seed=1)
    hidden = reference.target.values[:, None] * np.array([1.0, -2.0])
    found = model.align(query).impute(hidden)
    assert np.corrcoef(found[:, 0], query.target.values)[0, 1] > 0.9
    np.testing.assert_allclose(found[:, 1], -2 * found[:, 0])


def test_state_goes_round_and_other_genes_are_matched_by_name():
    reference, query = pair(2)
    model = build(Config(ncomp=6, k_weight=15, weight_space="query")).fit(reference, seed=4)
    arrays, facts = model.state()
    back = CcaAnchors.from_state(model.config, arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(back.scores(query), model.scores(query))
    assert isinstance(query.x, Matrix)
    order = np.random.default_rng(0).permutation(120)[:100]
    shuffled = replace(query, x=query.x.take_features(order))
    assert (model.scores(shuffled).argmax(axis=1) == query.target.values).mean() > 0.9


def test_what_cannot_be_aligned_is_refused():
    reference, query = pair(3)
    model = build(tiny())
    with pytest.raises(NotTrainedError):
        model.scores(query)
    model.fit(reference, seed=1)
    assert isinstance(query.x, Matrix)
    other = Matrix(query.x.values, query.x.samples, np.asarray([f"ENSG{i}" for i in range(120)], dtype=object))
    with pytest.raises(MismatchError, match="named alike in both sets"):
        model.scores(replace(query, x=other))
    holed = query.x.values.copy()
    holed[3, 5] = np.nan
    with pytest.raises(MismatchError, match="missing"):
        model.scores(replace(query, x=Matrix(holed, query.x.samples, query.x.features)))
    with pytest.raises(InsufficientDataError, match="query cells"):
        model.scores(query.take(np.arange(2)))
    with pytest.raises(InsufficientDataError, match="vary"):
        model.scores(replace(query, x=Matrix(np.ones_like(holed), query.x.samples, query.x.features)))
    assert model.scores(query.take(np.arange(4))).shape == (4, 3)


@pytest.fixture(scope="module")
def seurat_pair(data_dir, reference_dir):
    """Both sets over Seurat's integration features, totals over all genes."""
    features = (reference_dir / "seurat" / "integration_features.txt").read_text().split()
    found = []
    for name in ("pbmc5k", "pbmc10k"):
        whole = read_matrix(data_dir / "omics" / "citeseq" / name)
        place = {gene: column for column, gene in enumerate(whole.features)}
        part = whole.take_features(np.asarray([place[gene] for gene in features]))
        target = Target("binary", np.arange(200) % 2, ("even", "odd"))
        columns = {"total": whole.values.sum(axis=1), "set": np.full(200, name, dtype=object)}
        found.append(Dataset(part.samples, part, target, np.arange(200), "cell", columns))
    return found


def recorded(folder, name: str) -> dict[tuple[int, int], float]:
    table = pd.read_csv(folder / "seurat" / f"{name}.csv.gz", index_col=0)
    table = table[table["dataset1"] == 1]
    return {(row.cell1 - 1, row.cell2 - 1): row.score for row in table.itertuples()}


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("k_filter", "file", "count"),
    [(200, "anchors_k5_filter200_score30", 766), (50, "anchors_filter50", 628), (0, "anchors_nofilter", 766)],
)
def test_anchors_of_seurat_from_raw_counts(seurat_pair, reference_dir, k_filter, file, count):
    reference, query = seurat_pair
    config = Config(ncomp=20, k_filter=k_filter, k_weight=50)
    table = build(config).fit(reference, seed=1).align(query).anchors
    ours = dict(zip(zip(table["reference"].tolist(), table["query"].tolist()), table["score"]))
    theirs = recorded(reference_dir, file)
    assert len(theirs) == count and set(ours) == set(theirs)
    assert max(abs(ours[pair] - theirs[pair]) for pair in theirs) < 0.05


@pytest.mark.realdata
def test_scores_on_seurats_own_embedding_are_the_same(reference_dir):
    common = pd.read_csv(reference_dir / "seurat" / "cca_l2_used.csv.gz", index_col=0).to_numpy()
    found = find_anchors(common[:200], common[200:], AnchorRules(k_filter=0))
    theirs = recorded(reference_dir, "anchors_nofilter")
    ours = dict(zip(zip(found.first.tolist(), found.second.tolist()), found.score))
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.realdata
def test_corrected_values_of_seurat(seurat_pair, reference_dir):
    reference, query = seurat_pair
    aligned = build(Config(ncomp=20, k_weight=50)).fit(reference, seed=1).align(query)
    theirs = pd.read_csv(reference_dir / "seurat" / "integrated_first500_kweight50.csv.gz", index_col=0)
    place = {gene: column for column, gene in enumerate(aligned.genes)}
    ours = aligned.corrected[:, [place[gene] for gene in theirs.index]]
    assert np.corrcoef(ours.ravel(), theirs.to_numpy().T[200:].ravel())[0, 1] > 0.9999
