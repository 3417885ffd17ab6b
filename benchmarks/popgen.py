"""Statistics and encoders of population genetics, calls a CPU second, beside scikit-allel, tskit and diploSHIC.

The setting is 198 haplotypes of 50 kb at Ne 10,000 (170 sites; 146 are expected), one thread; answers of statistics are
compared before they are timed. diploSHIC needs no more of its dependencies than these and scikit-allel (`pip install
--no-deps diploshic==1.1.0`); where it is absent its line is left out. pg-gan cannot be installed: its encoder's rate
was recorded on another day (2026-11-21, pg-gan a0de416, the same setting) and is marked so. All else is of one run.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/popgen.py [--json]
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import allel
import msprime
import numpy as np
import tskit

from chiasma.io.ms import read_ms
from chiasma.simulate.central_regions import decode_central
from chiasma.stats.popgen import haplotypes as kinds, ld, scan, sites, spectrum
from chiasma.stats.popgen.grid import diploid_grid
from chiasma.stats.popgen.partial import IhsStandard, neutral_scores, partial_grid

PG_GAN_ENCODER = 473.0
"""Trees a CPU second of pg-gan's prep_region, recorded."""
_SECONDS = 0.4


def rate(work: Callable[[], Any], *, repeats: int = 5) -> float:
    """Calls a CPU second: the best of several runs, after one that warms up."""
    work()
    start = time.process_time()
    work()
    calls = max(1, int(_SECONDS / max(time.process_time() - start, 1e-6)))
    best = 0.0
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            work()
        best = max(best, calls / (time.process_time() - start))
    return best


def simulated() -> Any:
    ancestry = msprime.sim_ancestry(
        99, population_size=1e4, sequence_length=5e4, recombination_rate=1.25e-8, random_seed=7
    )
    return msprime.sim_mutations(ancestry, rate=1.25e-8, model=msprime.BinaryMutationModel(), random_seed=7)


def statistics(ts: Any) -> list[dict[str, Any]]:
    """Rows of statistics that chiasma shares with scikit-allel or tskit."""
    rows = np.ascontiguousarray(ts.genotype_matrix().astype(np.int8))
    ours = np.ascontiguousarray(rows.T)
    places = ts.sites_position
    whole = places.astype(int)
    counts = allel.HaplotypeArray(rows).count_alleles()
    upper = np.triu_indices(len(rows), 1)
    halves = ours[:99], ours[99:]
    summary = kinds.haplotype_summary
    pairs: list[tuple[str, str, Callable[[], Any], Callable[[], Any], Callable[[Any], Any]]] = [
        ("r of all pairs", "scikit-allel", lambda: ld.correlation(ours), lambda: allel.rogers_huff_r(rows),
         lambda r: r[upper]),
        ("r2 of all pairs", "tskit", lambda: ld.r_squared(ours), lambda: tskit.LdCalculator(ts).r2_matrix(),
         lambda r: r),
        ("iHS", "scikit-allel", lambda: scan.ihs(ours, places),
         lambda: allel.ihs(rows, whole, use_threads=False), lambda x: x),
        ("nSL", "scikit-allel", lambda: scan.nsl(ours), lambda: allel.nsl(rows, use_threads=False),
         lambda x: x),
        ("H1 H12 H123 H2/H1", "scikit-allel", lambda: summary(ours), lambda: allel.garud_h(rows),
         lambda s: (s.h1, s.h12, s.h123, s.h2_h1)),
        ("spectrum", "tskit", lambda: spectrum.site_frequency_spectrum(ours),
         lambda: ts.allele_frequency_spectrum(polarised=True, span_normalise=False), lambda x: x),
        ("Tajima's D, counts given to the peer", "scikit-allel", lambda: sites.tajimas_d(ours),
         lambda: allel.tajima_d(counts), lambda x: x),
        ("Fst of two halves, counts too", "scikit-allel", lambda: sites.hudson_fst(*halves), lambda: _fst(rows),
         lambda x: x),
    ]  # fmt: skip
    found = []
    for name, peer, mine, theirs, view in pairs:
        if not _agree(view(mine()), theirs()):
            raise SystemExit(f"{name}: not the peer's answer: timings would mean nothing")
        found.append({"work": name, "peer": peer, "chiasma_per_s": rate(mine), "peer_per_s": rate(theirs)})
    return found


def _fst(rows: np.ndarray) -> float:
    first, second = (allel.HaplotypeArray(part).count_alleles() for part in (rows[:, :99], rows[:, 99:]))
    above, below = allel.hudson_fst(first, second)
    return float(above.sum() / below.sum())


def _agree(mine: Any, theirs: Any) -> bool:
    """Equal but for single precision, which scikit-allel's r has."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    return bool(np.allclose(mine, theirs, rtol=1e-5, atol=1e-5, equal_nan=True))


def encoders(ts: Any) -> list[dict[str, Any]]:
    """Rows of pg-gan's encoder: its recorded rate, and decoding everything in this run."""
    ours = rate(lambda: decode_central(ts, sites=36))
    return [
        {"work": "36 central sites", "peer": "tskit, all sites decoded, not coded", "chiasma_per_s": ours,
         "peer_per_s": rate(ts.genotype_matrix)},
        {"work": "36 central sites", "peer": "pg-gan (recorded)", "chiasma_per_s": ours, "peer_per_s": PG_GAN_ENCODER},
    ]  # fmt: skip


def grids(folder: Path) -> list[dict[str, Any]]:
    """Rows of feature vectors: replicates a CPU second, from the file to the vectors."""
    path = folder / "discoal_neut55k.ms.gz"
    replicates = read_ms(path)
    scores, frequencies = (np.concatenate(column) for column in zip(*map(neutral_scores, replicates), strict=True))
    standard = IhsStandard.fit(scores, frequencies)
    whole = rate(lambda: [diploid_grid(h).normalised() for h in read_ms(path)]) * len(replicates)
    alone = rate(lambda: [diploid_grid(h).normalised() for h in replicates]) * len(replicates)
    partial = rate(lambda: [partial_grid(h, standard=standard) for h in replicates], repeats=2) * len(replicates)
    rows: list[dict[str, Any]] = [
        {"work": "diploS/HIC vectors, statistics alone", "peer": "", "chiasma_per_s": alone, "peer_per_s": None},
        {"work": "partialS/HIC, 89 statistics", "peer": "", "chiasma_per_s": partial, "peer_per_s": None},
    ]
    if importlib.util.find_spec("diploshic") is not None:
        theirs = rate(lambda: _diploshic(path), repeats=3) * len(replicates)
        rows.insert(0, {"work": "diploS/HIC vectors, file to vectors", "peer": "diploSHIC", "chiasma_per_s": whole,
                        "peer_per_s": theirs})  # fmt: skip
    return rows


def _diploshic(path: Path) -> None:
    """diploSHIC's fvecSim of diploid statistics, in this process."""
    before = sys.argv
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        none = ["none"] * 4
        sys.argv = ["fvecSim", str(path), "55000", "11", *none, "0.75", "all", "0.25", "none", f"{folder}/x.fvec"]
        try:
            runpy.run_module("diploshic.makeFeatureVecsForSingleMsDiploid")
        finally:
            sys.argv = before


def main() -> None:
    root = os.environ.get("CHIASMA_DATA")
    if root is None:
        sys.exit("CHIASMA_DATA is not set: the files of discoal are needed")
    warnings.simplefilter("ignore")
    ts = simulated()
    rows = [*statistics(ts), *encoders(ts), *grids(Path(root) / "population" / "ms")]
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    print(f"{ts.num_sites} sites, {ts.num_samples} haplotypes; load {os.getloadavg()[0]:.1f}")
    print(f"{'work':38s} {'chiasma /s':>11s} {'peer /s':>10s} {'ratio':>7s}  peer")
    for row in rows:
        ours, theirs = row["chiasma_per_s"], row["peer_per_s"]
        other = f"{theirs:10.1f} {ours / theirs:6.1f}x" if theirs else " " * 18
        print(f"{row['work']:38s} {ours:11.1f} {other}  {row['peer']}")


if __name__ == "__main__":
    main()
