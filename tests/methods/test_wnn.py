"""Weighted nearest neighbours: Seurat's recorded weights and neighbours, raw counts, absent modalities, votes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import UsageError
from chiasma.io.containers import add_results
from chiasma.methods.omics.wnn.config import Config, embeddings, tiny
from chiasma.methods.omics.wnn.examples import example
from chiasma.methods.omics.wnn.model import Wnn, build
from chiasma.stats.views import ViewsError
from chiasma.workflow.fitted import as_frames


def recorded(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "seurat" / f"{name}.csv.gz", index_col=0)


@pytest.mark.realdata
@pytest.mark.parametrize("cells", ["pbmc5k", "pbmc10k"])
def test_weights_and_neighbours_of_seurat(reference_dir, cells):
    views = {"rna": recorded(reference_dir, f"{cells}_pca"), "adt": recorded(reference_dir, f"{cells}_apca")}
    model = build(embeddings()).fit(views)
    weights = recorded(reference_dir, f"{cells}_exact_wnn_weights")["RNA"].to_numpy()
    np.testing.assert_allclose(model.joint_.weights[:, 0], weights, atol=1e-9)
    np.testing.assert_array_equal(model.joint_.index + 1, recorded(reference_dir, f"{cells}_exact_wnn_idx").to_numpy())
    distance = recorded(reference_dir, f"{cells}_exact_wnn_dist").to_numpy()
    np.testing.assert_allclose(model.joint_.distance, distance, atol=1e-7)


@pytest.mark.slow
@pytest.mark.realdata
def test_eight_thousand_cells_as_seurat_has_them_but_for_its_approximate_neighbours(data_dir, reference_dir):
    folder = data_dir / "omics" / "citeseq"
    rna = pd.read_csv(folder / "synthetic_rna_embedding_8617x20.csv.gz", index_col=0)
    protein = pd.read_csv(folder / "scProteomics_CITEseq.txt.gz", sep="\t").drop(columns="cluster")
    model = build(embeddings()).fit({"rna": rna, "adt": np.log1p(protein)})
    theirs = recorded(reference_dir, "cbmc8617_wnn_weights")["w1"].to_numpy()
    assert np.corrcoef(model.joint_.weights[:, 0], theirs)[0, 1] > 0.99
    index = recorded(reference_dir, "cbmc8617_wnn_idx").to_numpy() - 1
    shared = [len(np.intersect1d(one, two)) / 20 for one, two in zip(model.joint_.index, index)]
    assert np.mean(shared) > 0.9


@pytest.mark.realdata
def test_raw_counts_of_transcripts_and_proteins(data_dir):
    from scipy.io import mmread

    folder = data_dir / "omics" / "citeseq" / "pbmc5k"
    protein = pd.read_csv(folder / "protein.csv.gz", index_col=0)
    counts = pd.DataFrame(mmread(folder / "matrix.mtx.gz").T.toarray(), index=protein.index)
    counts.columns = (folder / "genes.tsv").read_text().split()
    model = build(Config(dims="rna=30,adt=18")).fit({"rna": counts, "adt": protein})
    assert {name: space.kind for name, space in model.spaces_.items()} == {"rna": "log", "adt": "clr"}
    assert {name: space.axes.shape for name, space in model.spaces_.items()} == {"rna": (2000, 30), "adt": (29, 18)}
    assert model.transform({"rna": counts.iloc[:5], "adt": protein.iloc[:5]}).shape == (5, 10)


def test_both_modalities_together_know_what_neither_does_alone():
    data = example(0)
    x, y = as_frames(data.x), np.asarray(data.target.names)[data.target.values]
    train, test = np.arange(60), np.arange(60, 90)

    def accuracy(views: list[str]) -> float:
        if len(views) == 1:
            part = {views[0]: x[views[0]].iloc[train], "copy": x[views[0]].iloc[train]}
            new = {views[0]: x[views[0]].iloc[test]}
        else:
            part, new = ({name: x[name].iloc[rows] for name in views} for rows in (train, test))
        return float((build(tiny()).fit(part, y[train]).predict(new) == y[test]).mean())

    assert accuracy(["rna", "protein"]) > max(accuracy(["rna"]), accuracy(["protein"])) + 0.1
    model = build(tiny()).fit({name: frame.iloc[train] for name, frame in x.items()}, y[train])
    probability = model.predict_proba({name: frame.iloc[test] for name, frame in x.items()})
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert not hasattr(build(tiny()).fit(x), "predict_proba")


def test_cells_without_a_modality_state_and_weights():
    x = as_frames(example(1).x)
    x["protein"].iloc[:20] = np.nan
    x["rna"].iloc[30, 4] = np.nan
    model = build(tiny()).fit(x)
    weights = model.weights()
    assert (weights["protein"].iloc[:20] == 0).all() and np.allclose(weights.sum(axis=1), 1)
    figure, table = model.figures()["modality-weights"]
    assert figure.svg.startswith("<svg") and len(table) == 90
    arrays, facts = model.state()
    back = Wnn.from_state(tiny(), arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(back.transform(x), model.transform(x))
    np.testing.assert_array_equal(back.joint_.index, model.joint_.index)
    assert vars(back).keys() == vars(model).keys()
    anndata = pytest.importorskip("anndata")
    data = add_results(anndata.AnnData(np.zeros((90, 1))), model.results())
    assert data.obsm["X_wnn"].shape == (90, 3) and data.uns["wnn"]["params"]["neighbours"] == 8
    assert model.shared_graph().shape == model.graph().shape == (90, 90)


def test_accessibility_by_tf_idf():
    random = np.random.default_rng(0)
    kind = np.arange(60) % 2
    peaks = (random.random((60, 80)) < 0.1 + 0.4 * (kind[:, None] == (np.arange(80) % 2))).astype(float)
    rna = random.poisson(1 + 2 * (kind[:, None] == (np.arange(300) % 2)) * (np.arange(300) < 60)).astype(float)
    model = build(Config(normalise="atac=tfidf", dims="atac=4", neighbours=8, ncomp=2)).fit({"rna": rna, "atac": peaks})
    assert model.spaces_["atac"].kind == "tfidf" and model.spaces_["rna"].kind == "log"
    own = kind[model.joint_.index] == kind[:, None]
    assert own.mean() > 0.9


def test_wrong_settings_are_refused():
    x = as_frames(example(0).x)
    for settings, word in (({"normalise": "cubic"}, "cubic"), ({"dims": "rna=few"}, "few"), ({"dims": "adt=3"}, "adt")):
        with pytest.raises(UsageError, match=word):
            Wnn(**settings).fit(x)
    with pytest.raises(ViewsError, match="differ in number"):
        Wnn().fit(x, np.arange(5))
