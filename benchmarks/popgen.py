"""Population genetics beside scikit-allel, tskit, diploSHIC, dinf and pg-gan: calls a CPU second, all in one run.

Statistics: 198 haplotypes of 50 kb at Ne 10,000 (170 sites; 146 are expected). Feature vectors: ten neutral replicates
of discoal. pg-gan's game: 50 regions of its history `exp` with 198 haplotypes, 36 central sites. One thread; answers
are compared before they are timed, where the peer gives the same thing. A peer that is not installed has a row that
says so. pg-gan needs TensorFlow: its rows are CPU seconds recorded on another day (`RECORDED` of
benchmarks/pg_gan.py), and are marked so. All else is of one run. diploSHIC needs no more of its dependencies than
these:

    pip install -e .[population] scikit-allel dinf && pip install --no-deps diploshic==1.1.0
    CHIASMA_DATA=... OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/popgen.py [--json]
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# read when dinf imports JAX
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import msprime
import numpy as np
import pg_gan
import tskit

from chiasma.io.ms import read_ms
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.regions import stack
from chiasma.simulate.central_regions import decode_central
from chiasma.stats.popgen import haplotypes as kinds, ld, scan, sites, spectrum
from chiasma.stats.popgen.grid import diploid_grid
from chiasma.stats.popgen.partial import IhsStandard, neutral_scores, partial_grid

allel: Any = import_module("allel") if find_spec("allel") else None
Row = dict[str, Any]
_SECONDS = 0.4
_FEW, _MANY = 2, 8
"""Minibatches of two calls of dinf's training: their difference is free of what a call costs whatever it trains."""


def row(work: str, peer: str, ours: float | None, theirs: float | None, *, note: str = "") -> Row:
    """One line of the table; `note` is "recorded" or "not installed" where the peer was not measured in this run."""
    return {"work": work, "peer": peer, "chiasma_per_s": ours, "peer_per_s": theirs, "note": note}


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


def statistics(ts: Any) -> list[Row]:
    """Rows of statistics that chiasma shares with scikit-allel or tskit."""
    rows = np.ascontiguousarray(ts.genotype_matrix().astype(np.int8))
    ours = np.ascontiguousarray(rows.T)
    places = ts.sites_position
    whole = places.astype(int)
    counts = allel.HaplotypeArray(rows).count_alleles() if allel else None
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
        if peer == "scikit-allel" and allel is None:
            found.append(row(name, peer, rate(mine), None, note="not installed"))
            continue
        if not _agree(view(mine()), theirs()):
            raise SystemExit(f"{name}: not the peer's answer: timings would mean nothing")
        found.append(row(name, peer, rate(mine), rate(theirs)))
    return found


def _fst(rows: np.ndarray) -> float:
    first, second = (allel.HaplotypeArray(part).count_alleles() for part in (rows[:, :99], rows[:, 99:]))
    above, below = allel.hudson_fst(first, second)
    return float(above.sum() / below.sum())


def _agree(mine: Any, theirs: Any) -> bool:
    """Equal but for single precision, which scikit-allel's r has."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    return bool(np.allclose(mine, theirs, rtol=1e-5, atol=1e-5, equal_nan=True))


def game() -> list[Row]:
    """Rows of pg-gan's game: encoder and discriminator beside dinf's, and what pg-gan was recorded to take."""
    measured = {str(one["what"]): one for one in pg_gan.measure()}
    trees = _regions(50)
    # milliseconds: many calls, as statistics are timed
    encoded = rate(lambda: stack([decode_central(ts, sites=36) for ts in trees]))
    measured["encode 50 regions"]["best"] = 1 / encoded
    found = []
    for name, one in measured.items():
        spent = one["best"] or one["median"]
        if one["recorded"] is not None:
            found.append(row(name, "pg-gan", 1 / spent, 1 / one["recorded"], note="recorded"))
        elif "msprime" in name:
            found.append(row(name, "", 1 / spent, None))
    names = {"encode": "encode 50 regions", "judge": "discriminator, evaluation of 50",
             "train": "discriminator, training step on 50 + 50"}  # fmt: skip
    present = find_spec("dinf") is not None
    peer = dinf_seconds() if present else dict.fromkeys(names, None)
    for what, name in names.items():
        theirs, note = (1 / peer[what], "") if present else (None, "not installed")  # type: ignore[operator]
        found.append(row(name, "dinf", 1 / measured[name]["best"], theirs, note=note))
    decoded = rate(lambda: [ts.genotype_matrix() for ts in trees])
    found.append(row("encode 50 regions", "tskit, all sites decoded, none coded", encoded, decoded))
    return found


def _regions(number: int) -> list[Any]:
    config = Config(model="exp")
    return list(examples.trees(config, examples.truth(config), number=number, seed=1))


def dinf_seconds() -> dict[str, float]:
    """CPU seconds of dinf (JAX) on the same 50 regions: all sites decoded, its translation of pg-gan's network."""
    dinf = import_module("dinf")
    trees = _regions(50)
    reader = dinf.HaplotypeMatrix(num_individuals=trees[0].num_samples, num_loci=36, ploidy=1, phased=True)
    x = np.array([reader.from_ts(ts) for ts in trees])
    codes = stack([decode_central(ts, sites=36) for ts in trees])[0]
    if not (x[..., 0].sum(axis=1) == (codes == 1).sum(axis=1)).all():
        raise SystemExit("dinf: not the same sites and minor alleles: timings would mean nothing")
    many = np.concatenate([x, x] * _MANY)
    y = np.arange(len(many)) % 2
    network = dinf.Discriminator(network=dinf.ExchangeablePGGAN())

    def train(batches: int) -> None:
        size = batches * 2 * len(x)
        network.fit(
            train_x=many[:size], train_y=y[:size], batch_size=2 * len(x), ss=np.random.SeedSequence(1)
        )  # fmt: skip

    few, most = (pg_gan.best_cpu(partial(train, batches), 3)[0] for batches in (_FEW, _MANY))
    return {
        "encode": 1 / rate(lambda: np.array([reader.from_ts(ts) for ts in trees])),
        "train": (most - few) / (_MANY - _FEW),
        "judge": pg_gan.best_cpu(lambda: np.asarray(network.predict(x)))[0],
    }


def grids(folder: Path) -> list[Row]:
    """Rows of feature vectors: replicates a CPU second, from the file to the vectors."""
    path = folder / "discoal_neut55k.ms.gz"
    replicates = read_ms(path)
    scores, frequencies = (np.concatenate(column) for column in zip(*map(neutral_scores, replicates), strict=True))
    standard = IhsStandard.fit(scores, frequencies)
    number = len(replicates)
    whole = rate(lambda: [diploid_grid(h).normalised() for h in read_ms(path)]) * number
    alone = rate(lambda: [diploid_grid(h).normalised() for h in replicates]) * number
    many = rate(lambda: [partial_grid(h, standard=standard) for h in replicates], repeats=2) * number
    present = find_spec("diploshic") is not None
    theirs = rate(lambda: _diploshic(path), repeats=3) * number if present else None
    return [
        row("diploS/HIC vectors, file to vectors", "diploSHIC", whole, theirs, note="" if present else "not installed"),
        row("diploS/HIC vectors, statistics alone", "", alone, None),
        row("partialS/HIC, 89 statistics", "", many, None),
    ]


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


def record() -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    found = {}
    for name in ("numpy", "numba", "torch", "msprime", "tskit", "scikit-allel", "diploshic", "dinf", "jax"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    root = os.environ.get("CHIASMA_DATA")
    if root is None:
        sys.exit("CHIASMA_DATA is not set: the files of discoal are needed")
    warnings.simplefilter("ignore")
    load = os.getloadavg()[0]
    ts = simulated()
    rows = [*statistics(ts), *grids(Path(root) / "population" / "ms"), *game()]
    spent, after = time.process_time(), os.getloadavg()[0]
    if "--json" in sys.argv:
        facts = {"versions": record(), "load": [load, after], "cpu_seconds": spent}
        print(json.dumps({**facts, "rows": rows}, indent=1))
        return
    print(f"{ts.num_sites} sites, {ts.num_samples} haplotypes; load {load:.1f} to {after:.1f}; {record()}")
    print(f"{'work':45s} {'chiasma /s':>11s} {'peer /s':>10s} {'ratio':>7s}  peer")
    for one in rows:
        ours, theirs = one["chiasma_per_s"], one["peer_per_s"]
        other = f"{theirs:10.2f} {ours / theirs:6.2f}x" if theirs else " " * 18
        note = f" ({one['note']})" if one["note"] else ""
        print(f"{one['work']:45s} {ours:11.2f} {other}  {one['peer']}{note}")


if __name__ == "__main__":
    main()
