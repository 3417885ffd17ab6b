"""Multi-omics factor analysis: CPU seconds of a fit beside mofapy2, run here on the same data with the same rules.

Both start from the same principal components, so that the same bound after the same number of iterations is checked
before any time is believed. Without mofapy2 (`pip install mofapy2`) its column stays empty. MOFA-FLEX 0.1.2, the second
peer, installs beside torch (`pip install mofaflex`); it is fitted with `--flex`, by stochastic gradients over a fixed
number of epochs, so that only what it finds, and not its iterations, can be compared. On 500 samples by 3 x 200 it took
11 s of CPU for 200 epochs where this takes 0.5 s, and found the true factors as well (least correlation 0.9957 against
0.9959).

    CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/mofa.py [--json] [--flex]
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiasma.methods.omics.mofa.config import Config
from chiasma.methods.omics.mofa.model import build

Views = Mapping[str, np.ndarray]
REPEATS = 3
EPOCHS = 200
"""Of MOFA-FLEX: its own early stopping takes minutes even on 500 samples."""


def simulate(n: int, width: int, factors: int, *, seed: int = 2018) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Three gaussian views of `n` samples by `width` features, a third of the weights not 0; and the true factors."""
    random = np.random.default_rng(seed)
    axes = random.standard_normal((n, factors))
    views = {}
    for name in ("a", "b", "c"):
        weights = random.standard_normal((factors, width)) * (random.random((factors, width)) < 1 / 3)
        views[name] = axes @ weights + random.standard_normal((n, width))
    return views, axes


def breast(folder: Path) -> dict[str, np.ndarray]:
    views = ("mrna", "mirna", "protein")
    return {view: pd.read_csv(folder / f"train_{view}.csv.gz", index_col=0).to_numpy() for view in views}


def single_cells(folder: Path) -> dict[str, np.ndarray]:
    """The thousand features of most variance of each view, in the order of their variance."""
    names = ("RNA_expression", "Met_Enhancers", "Met_CpG_Islands", "Met_Promoters")
    tables = {name: pd.read_csv(folder / f"{name}.csv.gz", index_col=0) for name in names}
    cells = sorted(set().union(*(table.index for table in tables.values())))
    top = {name: table.var().sort_values(ascending=False).index[:1000] for name, table in tables.items()}
    return {name: table.reindex(cells)[list(top[name])].to_numpy() for name, table in tables.items()}


def ours(views: Views, config: Config) -> tuple[float, Any]:
    """Least CPU seconds of several fits, and the model."""
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fixed number of iterations need not converge
            model = build(config).fit(views)
        spent.append(time.process_time() - start)
    return min(spent), model


def theirs(views: Views, config: Config) -> tuple[float, float] | None:
    """CPU seconds and last bound of mofapy2, or None where it is not installed."""
    if importlib.util.find_spec("mofapy2") is None:
        return None
    from mofapy2.run.entry_point import entry_point

    quiet = io.StringIO()
    start = time.process_time()
    with contextlib.redirect_stdout(quiet), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = entry_point()
        entry.set_data_options(scale_views=config.scale_views)
        likelihoods = ["gaussian"] * len(views)
        entry.set_data_matrix([[values.copy()] for values in views.values()], likelihoods, views_names=list(views))
        entry.set_model_options(factors=config.factors, spikeslab_weights=config.spike_slab, ard_weights=True)
        entry.set_train_options(
            iter=config.max_iter + 1,
            convergence_mode=config.convergence,
            freqELBO=config.check_every,
            startELBO=1,
            seed=config.random_state,
        )
        entry.build()
        entry.run()
    spent = time.process_time() - start
    bounds = np.asarray(entry.model.getTrainingStats()["elbo"], dtype=float)
    return spent, float(bounds[np.isfinite(bounds)][-1])  # not a number where none was asked for


def flex(views: Views, axes: np.ndarray) -> dict[str, float]:
    """CPU seconds of MOFA-FLEX, and how much of the true factors its factors span."""
    import anndata
    import mofaflex

    folder = Path(tempfile.mkdtemp())  # it writes its result to a file, asked or not
    start = time.process_time()
    samples = [f"s{row}" for row in range(len(axes))]
    data = {"all": {name: _annotated(anndata, values, samples, name) for name, values in views.items()}}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        model = mofaflex.MOFAFLEX(
            data,
            mofaflex.DataOptions(plot_data_overview=False),
            mofaflex.ModelOptions(
                n_factors=axes.shape[1],
                weight_prior="SnS",
                likelihoods=dict.fromkeys(views, "Normal"),
                init_factors="pca",
            ),
            mofaflex.TrainingOptions(device="cpu", seed=2018, max_epochs=EPOCHS, save_path=folder / "flex.h5"),
        )
    found = model.get_factors()["all"].loc[samples].to_numpy()
    return {"cpu_s": time.process_time() - start, "span": span(found, axes)}


def _annotated(anndata: Any, values: np.ndarray, samples: list[str], view: str) -> Any:
    names = pd.DataFrame(index=[f"{view}{column}" for column in range(values.shape[1])])
    return anndata.AnnData(values.astype(np.float32), obs=pd.DataFrame(index=samples), var=names)


def span(found: np.ndarray, axes: np.ndarray) -> float:
    """Least canonical correlation between factors found and true ones, both (sample, factor)."""
    bases = [np.linalg.qr(one - one.mean(axis=0))[0] for one in (found, axes)]
    return float(np.linalg.svd(bases[0].T @ bases[1])[1].min())


def measure(root: Path | None) -> list[dict[str, Any]]:
    fixed = Config(scale_views=False, faithful=True, random_state=2018, convergence="slow")
    to_the_end = Config(faithful=True, check_every=5, random_state=2018)
    cases: dict[str, tuple[Callable[[], Views], Config]] = {
        "200 x 2,000 x 3, K 15, 29 iterations": (
            lambda: simulate(200, 2000, 15)[0],
            fixed.replace(factors=15, max_iter=29),
        ),
        "2,000 x 1,000 x 3, K 20, 29 iterations": (
            lambda: simulate(2000, 1000, 20)[0],
            fixed.replace(factors=20, max_iter=29),
        ),
    }
    if root is not None:
        cells = ("RNA_expression", "Met_Enhancers", "Met_CpG_Islands", "Met_Promoters")
        gaussian = dict.fromkeys(cells, "gaussian")
        cases["breast cancer, K 10, to convergence"] = (lambda: breast(root / "breast_tcga"), to_the_end)
        cases["scMT, 88 % holes, K 10, to convergence"] = (
            lambda: single_cells(root / "scmt"),
            to_the_end.replace(scale_views=False, likelihoods=gaussian),
        )
    rows = []
    for name, (views_of, config) in cases.items():
        views = views_of()
        spent, model = ours(views, config)
        row = {"work": name, "iterations": model.n_iter_, "chiasma_cpu_s": spent}
        peer = theirs(views, config)
        if peer is not None:
            row |= {
                "mofapy2_cpu_s": peer[0],
                "ratio": peer[0] / spent,
                "bound_gap": np.abs(1 - model.elbo_ / peer[1]).min(),
            }
        rows.append(row)
    return rows


def main() -> None:
    given = os.environ.get("CHIASMA_DATA")
    rows = measure(Path(given) / "omics" if given else None)
    if "--flex" in sys.argv:
        views, axes = simulate(500, 200, 8)
        spent, model = ours(views, Config(factors=8))
        row = {"work": "500 x 200 x 3, K 8", "iterations": model.n_iter_, "chiasma_cpu_s": spent}
        row |= {"span": span(model.factors_, axes)} | {f"flex_{k}": v for k, v in flex(views, axes).items()}
        rows.append(row)
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['work']:42s} chiasma {row['chiasma_cpu_s']:6.2f} s CPU ({row['iterations']} iterations)", end="")
        if "ratio" in row:
            print(
                f"  mofapy2 {row['mofapy2_cpu_s']:6.2f} s  {row['ratio']:5.1f}x  bounds {row['bound_gap']:.0e} apart",
                end="",
            )
        if "flex_cpu_s" in row:
            print(f"  MOFA-FLEX {row['flex_cpu_s']:6.1f} s", end="")
            print(f"  of the true factors: {row['span']:.4f} against {row['flex_span']:.4f}", end="")
        print()
    print("load:", " ".join(f"{one:.1f}" for one in os.getloadavg()))


if __name__ == "__main__":
    main()
