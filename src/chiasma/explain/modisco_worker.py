"""TF-MoDISco in a process of its own, so that it can be stopped: `python -m chiasma.explain.modisco_worker IN OUT`.

IN and OUT are .npz archives of plain arrays.
"""

from __future__ import annotations

import json
import sys

import numpy as np


def main(source: str, destination: str) -> None:
    """Read one-hot and hypothetical contributions (sequence, position, base), write patterns."""
    from modiscolite.tfmodisco import TFMoDISco

    with np.load(source, allow_pickle=False) as archive:
        one_hot, hypothetical = archive["one_hot"], archive["hypothetical"]
        settings = json.loads(str(archive["settings"]))
    positive, negative = TFMoDISco(one_hot, hypothetical, **settings)
    arrays: dict[str, np.ndarray] = {}
    for prefix, patterns in (("pos", positive), ("neg", negative)):
        for number, pattern in enumerate(patterns or []):
            name = f"{prefix}_{number}"
            arrays[f"{name}.sequence"] = np.asarray(pattern.sequence)
            arrays[f"{name}.contributions"] = np.asarray(pattern.contrib_scores)
            arrays[f"{name}.seqlets"] = np.asarray(len(pattern.seqlets))
    np.savez(destination, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:3])
