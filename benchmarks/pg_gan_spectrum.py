"""The classical rival of pg-gan: a composite likelihood of the frequency spectrum, by moments, on the same regions.

Of each replicate, the regions are simulated under the published truth; their folded joint spectrum (all sites, not the
36 central ones that the discriminator reads) is fitted by Fisher scoring from several starts drawn from the ranges, and
intervals come from Godambe's matrix with regions as independent draws. moments and demes carry the expected spectrum;
scoring and intervals are written here, alike for all histories. No torch is needed, so the peer may stand in an
environment of its own (it asks for an older scipy than chiasma takes):

    python -m venv peers && peers/bin/pip install moments-popgen msprime pydantic
    PYTHONPATH=src OMP_NUM_THREADS=1 peers/bin/python benchmarks/pg_gan_spectrum.py [--model exp] [--replicates 20]
        [--regions 500] [--seed 1] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np

from chiasma.core.files import plain
from chiasma.core.rng import derive_seed, generator
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.stats.abc import Ranges

HAPLOTYPES = {"const": (20,), "exp": (20,), "im": (10, 10)}
Z = 1.6449
"""Of a 90 % interval."""
_STARTS, _MOST, _STEP = 4, 25, 1e-3


def spectra(config: Config, *, regions: int, seed: int) -> np.ndarray:
    """Folded spectrum of each region (region, class); classes that folding empties are left in, as 0."""
    import moments

    sizes = examples.sample_sizes(config)
    groups = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    found = []
    for ts in examples.trees(config, examples.truth(config), number=regions, seed=seed):
        counts = ts.allele_frequency_spectrum(groups, polarised=True, span_normalise=False)
        found.append(np.asarray(moments.Spectrum(counts).fold().filled(0)).ravel())
    return np.array(found)


class Likelihood:
    """Poisson likelihood of a spectrum under one history, over parameters without bounds."""

    def __init__(self, config: Config, observed: np.ndarray) -> None:
        self.config, self.observed = config, observed
        self.total = observed.sum(axis=0)
        chosen = examples.inferred(config)
        self.ranges = Ranges(np.array([one.low for one in chosen]), np.array([one.high for one in chosen]))
        self.calls = 0

    def expected(self, free: np.ndarray) -> np.ndarray:
        """Of all regions together (class,)."""
        import moments

        self.calls += 1
        config, history = self.config, examples.history(self.config)
        graph = history.graph(examples.values_of(config, self.ranges.bounded(free)))
        spectrum = moments.Spectrum.from_demes(
            graph, sampled_demes=list(history.populations), sample_sizes=list(examples.sample_sizes(config))
        )
        root = next(deme for deme in graph.demes if not deme.ancestors)
        theta = 4 * root.epochs[0].start_size * config.mutation_rate * config.length * len(self.observed)
        return np.maximum(np.asarray(spectrum.fold().filled(0)).ravel() * theta, 1e-9)

    def value(self, expected: np.ndarray) -> float:
        """Log likelihood up to a constant, over classes that folding keeps."""
        use = expected > 1e-9
        return float((self.total[use] * np.log(expected[use]) - expected[use]).sum())

    def slopes(self, free: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Derivatives of the expected spectrum (parameter, class), by forward differences."""
        return np.array([(self.expected(free + step) - expected) / _STEP for step in _STEP * np.eye(len(free))])

    def climb(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        """Fisher scoring with halved steps: the value reached, and where."""
        expected = self.expected(free)
        value = self.value(expected)
        for _ in range(_MOST):
            slopes = self.slopes(free, expected)
            information = (slopes / expected) @ slopes.T
            score = slopes @ (self.total / expected - 1)
            step = np.linalg.solve(information + 1e-3 * np.eye(len(free)), score)
            step *= min(1.0, 2.0 / np.abs(step).max())
            for _ in range(6):
                tried = np.clip(free + step, -6, 6)
                there = self.expected(tried)
                if (found := self.value(there)) > value:
                    break
                step = step / 2
            else:
                break
            gained, value, free, expected = found - value, found, tried, there
            if gained < 1e-3:
                break
        return value, free

    def intervals(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the interval of each parameter, by Godambe's matrix with regions as draws, within the ranges.

        On the scale of the parameters: without bounds, what lies at the end of its range would seem certain.
        """
        expected = self.expected(free)
        middle, steps = self.ranges.bounded(free), self.ranges.bounded(free + _STEP) - self.ranges.bounded(free)
        slopes = self.slopes(free, expected) * (_STEP / steps)[:, None]
        scores = (self.observed / expected - 1 / len(self.observed)) @ slopes.T
        centred = scores - scores.mean(axis=0)
        scale = self.ranges.high - self.ranges.low  # parameters of unlike units in one inverse
        inverse = np.linalg.pinv(((slopes / expected) @ slopes.T) * np.outer(scale, scale), rcond=1e-9)
        inverse = inverse * np.outer(scale, scale)
        error = np.sqrt(np.diag(inverse @ (centred.T @ centred) @ inverse))
        return np.maximum(middle - Z * error, self.ranges.low), np.minimum(middle + Z * error, self.ranges.high)


def fit(config: Config, observed: np.ndarray, *, seed: int) -> dict[str, Any]:
    """Estimate and interval of each parameter, and the CPU seconds they took."""
    begin = time.process_time()
    likelihood = Likelihood(config, observed)
    rng = generator(seed, "spectrum", "starts")
    starts = [likelihood.ranges.free(np.array([p.draw(rng) for p in examples.inferred(config)]))]
    starts += [rng.normal(0, 1.5, len(starts[0])) for _ in range(_STARTS - 1)]
    _, best = max((likelihood.climb(start) for start in starts), key=lambda pair: pair[0])
    low, high = likelihood.intervals(best)
    return {
        "estimate": likelihood.ranges.bounded(best),
        "low": low,
        "high": high,
        "cpu_seconds": time.process_time() - begin,
        "calls": likelihood.calls,
    }


def measure(model: str, *, replicates: int, regions: int, seed: int) -> dict[str, Any]:
    """Error, coverage and cost over replicates of one history, and its first replicate in full."""
    config = Config(model=model, haplotypes=HAPLOTYPES[model])
    names = [one.name for one in examples.inferred(config)]
    truth = np.array([examples.truth(config)[name] for name in names], np.float64)
    found = []
    for replicate in range(replicates):
        place = derive_seed(seed, "spectrum", model, replicate)
        found.append(fit(config, spectra(config, regions=regions, seed=place), seed=place))
        print(json.dumps({"model": model, "replicate": replicate, **plain(found[-1])}), file=sys.stderr, flush=True)
    estimate, low, high = (np.array([one[key] for one in found]) for key in ("estimate", "low", "high"))
    rows = [
        {
            "parameter": name,
            "truth": float(truth[i]),
            "median": float(np.median(estimate[:, i])),
            "error": float(np.median(np.abs(estimate[:, i] / truth[i] - 1))),
            "covered": float(((low[:, i] <= truth[i]) & (truth[i] <= high[:, i])).mean()),
            "first": [float(one[key][i]) for one in found[:1] for key in ("estimate", "low", "high")],
        }
        for i, name in enumerate(names)
    ]
    cpu = [one["cpu_seconds"] for one in found]
    return {
        "model": model,
        "replicates": replicates,
        "regions": regions,
        "cpu_seconds": float(np.median(cpu)),
        "rows": rows,
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", choices=list(HAPLOTYPES), action="append")
    asked.add_argument("--replicates", type=int, default=20)
    asked.add_argument("--regions", type=int, default=500)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    if find_spec("moments") is None:
        sys.exit("skipped: moments is not installed (pip install moments-popgen, in an environment of its own)")
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    made = [
        measure(model, replicates=given.replicates, regions=given.regions, seed=given.seed)
        for model in given.model or HAPLOTYPES
    ]
    if given.json:
        print(json.dumps({"load": os.getloadavg()[0], "models": made}, indent=1))
        return
    for one in made:
        print(f"{one['model']}: {one['replicates']} x {one['regions']} regions, {one['cpu_seconds']:.1f} CPU s each")
        for row in one["rows"]:
            estimate, low, high = row["first"]
            print(
                f"  {row['parameter']:8s} truth {row['truth']:9.4g}  error {row['error']:6.1%}  "
                f"covered {row['covered']:.2f}  first {estimate:.4g} ({low:.4g} to {high:.4g})"
            )


if __name__ == "__main__":
    main()
