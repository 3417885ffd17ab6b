"""Weighted nearest neighbours: a slow twin from the paper, missing modalities, copies, few cells."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.stats.graphs.wnn import (
    WnnRules,
    graph_of,
    join_new,
    join_training,
    learn_modalities,
    shared_neighbour_graph,
    unit_rows,
)


def twin(embeddings: dict[str, np.ndarray], k: int, reach: int) -> tuple[np.ndarray, list[list[int]]]:
    """Hao et al. 2021 cell by cell, for cells that all modalities measured: weights and neighbours."""
    points = {name: unit_rows(values) for name, values in embeddings.items()}
    n = len(next(iter(points.values())))
    away = {name: np.linalg.norm(p[:, None] - p[None], axis=2) for name, p in points.items()}
    order = {
        name: [[j for j in np.argsort(d[i], kind="stable") if j != i] for i in range(n)] for name, d in away.items()
    }
    hood = {name: [{i, *order[name][i][: k - 1]} for i in range(n)] for name in points}
    first = {name: np.array([away[name][i][order[name][i][0]] for i in range(n)]) for name in points}
    sigma = {name: np.zeros(n) for name in points}
    for name in points:
        for i in range(n):
            shared = {j: len(hood[name][i] & hood[name][j]) for j in range(n)}
            some = sorted(s for s in shared.values() if s > 0)
            last = some[min(k, len(some)) - 1]
            gaps = sorted(max(away[name][i][j] - first[name][i], 0) for j, s in shared.items() if 0 < s <= last)
            sigma[name][i] = np.mean(gaps[-k:])
    weights = np.zeros((n, len(points)))
    for i in range(n):
        power = []
        for name, p in points.items():
            inside = max(np.linalg.norm(p[i] - p[order[name][i][: k - 1]].mean(axis=0)) - first[name][i], 0)
            total = 0.0
            for other in points:
                if other != name:
                    cross = p[order[other][i][: k - 1]].mean(axis=0)
                    outside = max(np.linalg.norm(p[i] - cross) - first[name][i], 0)
                    ratio = np.exp(-inside / sigma[name][i]) / (np.exp(-outside / sigma[name][i]) + 1e-4)
                    total += np.exp(min(ratio, 200.0))
            power.append(total)
        weights[i] = np.array(power) / sum(power)
    joint = []
    for i in range(n):
        candidates = sorted({j for name in points for j in order[name][i][:reach]})
        similarity = {
            j: sum(
                weights[i, column] * np.exp(-max(away[name][i][j] - first[name][i], 0) / sigma[name][i])
                for column, name in enumerate(points)
            )
            for j in candidates
        }
        joint.append(sorted(candidates, key=lambda j: (-similarity[j], j))[:k])
    return weights, joint


def cells(n: int, *, views: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    return {f"view{v}": random.standard_normal((n, 3 + v)) + 2.0 * (kind == v % 3)[:, None] for v in range(views)}


@pytest.mark.parametrize("views", [2, 3])
def test_weights_and_neighbours_are_those_of_the_paper(views):
    embeddings, rules = cells(40, views=views), WnnRules(k=6, reach=12)
    joint = join_training(learn_modalities(embeddings, rules), rules)
    weights, index = twin(embeddings, 6, 12)
    np.testing.assert_allclose(joint.weights, weights, atol=1e-12)
    assert joint.index.tolist() == index
    np.testing.assert_allclose(joint.weights.sum(axis=1), 1.0)


@pytest.mark.parametrize("n", [2, 3, 5, 25])
def test_few_cells_lower_the_neighbourhoods(n):
    joint = join_training(learn_modalities(cells(n), WnnRules()), WnnRules())
    assert joint.index.shape == (n, min(n - 1, 20))
    assert np.isfinite(joint.weights).all() and np.isfinite(joint.similarity).all()


def test_copies_of_cells_are_no_trouble():
    embeddings = {name: np.repeat(values, 30, axis=0) for name, values in cells(4).items()}
    embeddings["constant"] = np.ones((120, 2))
    joint = join_training(learn_modalities(embeddings, WnnRules()), WnnRules())
    assert np.isfinite(joint.weights).all()
    assert (joint.index // 30 == np.arange(120)[:, None] // 30).mean() > 0.9
    assert (joint.index != np.arange(120)[:, None]).all()


def test_a_modality_that_did_not_measure_a_cell_has_no_say_there():
    embeddings, rules = cells(60, views=3), WnnRules(k=8, reach=20)
    embeddings["view1"][:10] = np.nan
    embeddings["view2"][5:20] = np.nan
    joint = join_training(learn_modalities(embeddings, rules), rules)
    assert (joint.weights[:10, 1] == 0).all() and (joint.weights[5:20, 2] == 0).all()
    assert (joint.weights[5:10, 0] == 1).all()
    assert (joint.weights[25:] > 0).all()
    np.testing.assert_allclose(joint.weights.sum(axis=1), 1.0)
    assert (joint.index >= 0).all() and (joint.similarity <= 1 + 1e-12).all()


def test_new_cells_join_their_like():
    embeddings, rules = cells(150, seed=3), WnnRules(k=10, reach=40)
    learnt = learn_modalities({name: values[:120] for name, values in embeddings.items()}, rules)
    new = {name: values[120:] for name, values in embeddings.items()}
    joint = join_new(learnt, new, rules)
    assert joint.index.shape == (30, 10) and joint.index.max() < 120
    kind = np.arange(150) % 3
    twins = join_new(learnt, {name: values[:120] for name, values in embeddings.items()}, rules)
    assert (twins.index[:, 0] == np.arange(120)).mean() > 0.95  # a training cell's nearest is itself
    alone = join_new(learnt, {"view0": new["view0"]}, rules)
    assert alone.views == ("view0",) and (alone.weights == 1).all()
    right = [(kind[:120][row] == kind[120 + place]).mean() for place, row in enumerate(joint.index)]
    assert np.mean(right) > 0.5


def test_graphs_are_symmetric():
    joint = join_training(learn_modalities(cells(50), WnnRules(k=6)), WnnRules(k=6))
    for graph in (graph_of(joint, 50), shared_neighbour_graph(joint, 50)):
        assert abs(graph - graph.T).max() == 0
    shared = shared_neighbour_graph(joint, 50)
    assert shared.data.min() >= 1 / 15 and shared.data.max() == 1
    one, two = ({i, *joint.index[i]} for i in (0, 3))
    assert shared[0, 3] == pytest.approx(len(one & two) / len(one | two) if len(one & two) else 0)
