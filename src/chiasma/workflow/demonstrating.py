"""`demo`: the main job end to end, on real peaks where they can be had, else on simulated ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from chiasma.core.errors import ChiasmaError
from chiasma.workflow.fitting.fit import RunResult, fit


@dataclass(frozen=True)
class Demonstration:
    """The run, and which peaks it was made on."""

    result: RunResult
    peaks: str


def demo(*, output: Path | str = Path("runs/demo"), seed: int = 1, overwrite: bool = False) -> Demonstration:
    """Fit a small CNN on CTCF peaks against dinucleotide shuffles, beside the simple rivals, and write the report.

    Args:
        output: the run folder.
        seed: root of all randomness.
        overwrite: begin again where an older demo of another version stands.
    """
    path, peaks, motifs = _peaks(Path(output).parent, seed)
    print(f"peaks: {peaks}", file=sys.stderr)
    options = {
        "seed": seed,
        "split": {"kind": "chromosome"},
        "explain_examples": 600,
        "explain_seconds": 45,
        "draws": 300,
    }
    if motifs is not None:
        options["motifs"] = str(motifs)
    inputs = {"positives": str(path), "negatives": "shuffled"}
    result = fit("cnn", inputs, output=output, options=options, overwrite=overwrite)
    return Demonstration(result, peaks)


def _peaks(folder: Path, seed: int) -> tuple[Path, str, Path | None]:
    """A FASTA of peaks, what it is, and a motif file if one can be had."""
    from chiasma.io.catalogue import resolve
    from chiasma.io.fasta import read_fasta, write_fasta

    try:
        found = resolve("ctcf-peaks")
    except ChiasmaError as error:
        from chiasma.simulate.peaks import simulate_peaks

        path = folder / "simulated_peaks.fa"
        write_fasta(path, simulate_peaks(6000, seed=seed))
        return path, f"simulated, since the real ones cannot be had here ({error.what})", _motifs()
    from chiasma.core.rng import generator

    sequences = read_fasta(found)
    chosen = generator(seed, "demo").permutation(len(sequences))[:10000]
    chosen.sort()
    path = folder / "ctcf_10000.fa"
    write_fasta(path, sequences.take(chosen))
    return path, "real human CTCF peaks (10,000 of 39,184)", _motifs()


def _motifs() -> Path | None:
    from chiasma.io.catalogue import resolve

    try:
        return resolve("hocomoco-v12-core")
    except ChiasmaError:
        return None
