"""Weighted nearest neighbours: CPU seconds on 200 and on 8,617 cells.

Seurat and muon are not installed here; their columns hold CPU seconds recorded with Seurat 4.3 (R 4.2.2) and muon 0.1.9
on the same data, on another day and a busier machine, and are marked so: a comparison of orders of magnitude, no more.
Seurat's neighbours were approximate (Annoy), ours are exact.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/wnn.py [--json]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiasma.stats.graphs.wnn import WnnRules, join_new, join_training, learn_modalities

RECORDED: dict[str, dict[str, float | None]] = {
    "200 cells, 30 + 18 dimensions": {"Seurat": None, "muon": 24.9},
    "8,617 cells, 20 + 10 dimensions": {"Seurat": 28.2, "muon": None},
    "join 1,000 new cells to 7,617": {"Seurat": None, "muon": None},
}
"""User CPU seconds; muon without its first call, which compiles (64 s)."""


def best_cpu(work: Any, repeats: int) -> float:
    """Fewest CPU seconds of several calls after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def measure(data: Path, reference: Path) -> list[dict[str, Any]]:
    rules = WnnRules()
    small = {
        name: pd.read_csv(reference / "seurat" / f"pbmc5k_{file}.csv.gz", index_col=0).to_numpy()
        for name, file in (("rna", "pca"), ("adt", "apca"))
    }
    folder = data / "omics" / "citeseq"
    protein = pd.read_csv(folder / "scProteomics_CITEseq.txt.gz", sep="\t").drop(columns="cluster")
    rna = pd.read_csv(folder / "synthetic_rna_embedding_8617x20.csv.gz", index_col=0)
    large = {"rna": rna.to_numpy(), "adt": np.log1p(protein.to_numpy(float))}
    learnt = learn_modalities({name: values[1000:] for name, values in large.items()}, rules)
    new = {name: values[:1000] for name, values in large.items()}
    work = {
        "200 cells, 30 + 18 dimensions": (lambda: join_training(learn_modalities(small, rules), rules), 10),
        "8,617 cells, 20 + 10 dimensions": (lambda: join_training(learn_modalities(large, rules), rules), 3),
        "join 1,000 new cells to 7,617": (lambda: join_new(learnt, new, rules), 3),
    }
    return [{"what": name, "chiasma": best_cpu(*job), **RECORDED[name]} for name, job in work.items()]


def main() -> None:
    data = Path(os.environ["CHIASMA_DATA"])
    rows = measure(data, Path(os.environ.get("CHIASMA_REFERENCE", data.parent / "reference")))
    load = os.getloadavg()[0]
    if "--json" in sys.argv:
        print(json.dumps({"load": load, "cpu_seconds": rows}))
        return
    print(f"CPU seconds, one thread, best of several; load {load:.1f}")
    print(f"{'':36}{'chiasma':>10}{'Seurat*':>10}{'muon*':>10}   * recorded, other day, busier machine")
    for row in rows:
        cells = [row["chiasma"], row["Seurat"], row["muon"]]
        print(f"{row['what']:36}" + "".join(f"{'-' if cell is None else f'{cell:.2f}':>10}" for cell in cells))


if __name__ == "__main__":
    main()
