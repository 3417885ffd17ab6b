"""The picture of a demographic history tells its sizes."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.plot.demography import draw_demography, size_path
from chiasma.simulate.demographies_pg_gan import MODELS

pytest.importorskip("demes")


@pytest.mark.parametrize("name", list(MODELS))
def test_sizes_are_those_of_demes(name: str) -> None:
    graph = MODELS[name].graph(MODELS[name].defaults())
    for deme in graph.demes:
        times, sizes = size_path(deme, oldest=20_000)
        inner = [(t, s) for t, s in zip(times, sizes) if deme.end_time < t < min(deme.start_time, 20_000)]
        edges = {epoch.end_time for epoch in deme.epochs}
        inner = [(t, s) for t, s in inner if t not in edges]
        assert len(inner) > 30
        np.testing.assert_allclose([s for _, s in inner], [deme.size_at(t) for t, _ in inner], rtol=1e-9)


def test_estimate_and_truth_lie_over_each_other() -> None:
    model = MODELS["im"]
    truth = model.defaults()
    figure = draw_demography({"truth": model.graph(truth), "estimate": model.graph({**truth, "N1": 12_000.0})})
    assert figure.svg.count("<svg") == 1 and set(figure.table["history"]) == {"truth", "estimate"}
    rows = {(h, d): s for h, d, s in zip(figure.table["history"], figure.table["deme"], figure.table["size"])}
    assert rows["estimate", "pop0"] == 12_000 and rows["truth", "pop0"] == 9_000
    assert max(figure.table["generations"]) == pytest.approx(3_000)
