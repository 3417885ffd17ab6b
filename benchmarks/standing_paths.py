"""Paths of a standing allele that selection takes up: Wright and Fisher's, drawn forwards, beside `backward_path`'s.

For each path the expected time to the common ancestor of two lineages that carry the allele at fixation, by distance
from the site, is computed without further chance (the structured coalescent as a Markov chain of three states).
N s = 40, 4 N r = .002 a base; selection began at a tenth of the copies. With 500 diploids s is .08.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/standing_paths.py PATHS [DIPLOIDS]
"""

from __future__ import annotations

import sys

import numpy as np

from chiasma.core.rng import generator
from chiasma.simulate.sweeps.trajectory import backward_path

SIZE = int((sys.argv[2:] or ["500"])[0])
S, ALL, COPIES = 40 / SIZE, 2 * SIZE, SIZE // 5
DISTANCES = np.array([250, 750, 1250, 2250, 3250, 4750, 6750, 9750])
RATE = 5e-4 / SIZE


def standing(number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Copies of neutral mutations from their origin to each generation with COPIES."""
    found: list[np.ndarray] = []
    while len(found) < number:
        now = np.ones(20_000, int)
        kept = [now]
        while len(now):
            now = rng.binomial(ALL, now / ALL)
            kept.append(now)
            if len(kept) % 200 == 0:
                courses = np.array(kept)
                use = ((now > 0) & (now < ALL)) | (courses == COPIES).any(axis=0)
                kept, now = list(courses[:, use]), now[use]
                if not ((now > 0) & (now < ALL)).any():
                    break
        courses = np.array(kept)
        for generation, course in zip(*np.nonzero(courses == COPIES)):
            found.append(courses[: generation + 1, course])
    return [found[i] for i in rng.permutation(len(found))[:number]]


def selected(rng: np.random.Generator) -> np.ndarray:
    """Copies from the generation after selection began to the last before fixation."""
    while True:
        course = [COPIES]
        while 0 < course[-1] < ALL:
            x = course[-1] / ALL
            course.append(rng.binomial(ALL, x * (1 + S / 2 + S / 2 * x) / (1 + S * x)))
        if course[-1] == ALL:
            return np.array(course[1:-1])


def meeting_times(steps: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Expected generations to the common ancestor at each of DISTANCES, along a path that looks back."""
    crossovers = DISTANCES * RATE
    both, one, none = np.ones(len(crossovers)), np.zeros(len(crossovers)), np.zeros(len(crossovers))
    expected = np.zeros(len(crossovers))
    for step, x in zip(steps, frequencies):
        expected += (both + one + none) * step
        both = both * (1 - min(step / (ALL * x), 1.0))
        none = none * (1 - step / (ALL * (1 - x)))
        leave, enter = crossovers * (1 - x) * step, crossovers * x * step
        both, one, none = (
            both * (1 - 2 * leave) + one * enter,
            one * (1 - leave - enter) + 2 * leave * both + 2 * enter * none,
            none * (1 - 2 * enter) + one * leave,
        )
    return expected + (one + none) * ALL


def main() -> None:
    number = int(sys.argv[1])
    rng = generator(1, "forward")
    forwards, backwards = [], []
    for before in standing(number, rng):
        path = np.concatenate([before, selected(rng)])[::-1] / ALL
        forwards.append(meeting_times(np.ones(len(path)), path))
    for seed in range(number):
        sweep, starts, sizes = (S, 0.0, 1.0, COPIES / ALL), np.array([0.0]), np.array([float(SIZE)])
        times, frequencies, _ = backward_path(generator(seed, "backward"), sweep, starts, sizes)
        parts = np.maximum(1, np.ceil(np.diff(times))).astype(int)
        backwards.append(meeting_times(np.repeat(np.diff(times) / parts, parts), np.repeat(frequencies, parts)))
    print("| bases from the site | Wright and Fisher's paths | chiasma's |\n|---|---|---|")
    for i, distance in enumerate(DISTANCES):
        cells = []
        for found in (forwards, backwards):
            values = np.array(found)[:, i]
            cells.append(f"{values.mean():.1f} ± {values.std() / number**0.5:.1f}")
        print(f"| {distance} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
