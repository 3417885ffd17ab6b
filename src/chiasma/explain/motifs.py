"""Discover motifs in attributions: TF-MoDISco under a time limit, else a plain clustering, else none and why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.explain.clustering import cluster_seqlets
from chiasma.explain.pwm import DiscoveredMotif, informative_span
from chiasma.explain.seqlets import recursive_seqlets, threshold_seqlets

_SHORTEST = 30
_FEWEST_SEQUENCES = 50


@dataclass(frozen=True)
class Discovery:
    """What was found, most seqlets first, and what was done to find it."""

    motifs: tuple[DiscoveredMotif, ...]
    notes: tuple[str, ...]


def modisco_settings(length: int, n_sequences: int) -> dict[str, Any]:
    """Settings of TF-MoDISco for sequences of one length: below 100 bp its window and flank shrink with it.

    The library's defaults (window 21, flank 10, trimmed to 30) make seqlets of 41 bp and forbid a sequence's flanks.
    """
    window, flank = (21, 10) if length >= 100 else (max(7, length // 6), max(3, length // 14))
    return {
        "sliding_window_size": window,
        "flank_size": flank,
        "trim_to_window_size": min(30, window + flank),
        "initial_flank_to_add": min(10, flank),
        "min_metacluster_size": max(20, min(100, n_sequences // 20)),
        "final_min_cluster_size": 20,
        "max_seqlets_per_metacluster": 3000,
        "n_leiden_runs": 5,
        "target_seqlet_fdr": 0.2,
    }


def discover_motifs(
    codes: np.ndarray,
    scores: np.ndarray,
    hypothetical: np.ndarray,
    *,
    n_sequences: int = 2000,
    time_limit_s: float = 90.0,
    most: int = 20,
) -> Discovery:
    """Find motifs.

    Args:
        codes: uint8 (sequence, position).
        scores: contribution of the base present (sequence, position).
        hypothetical: contribution of each base (sequence, position, base).
        n_sequences: only those with the largest summed absolute attribution are searched.
        time_limit_s: TF-MoDISco is stopped after so many seconds.
        most: motifs returned at most.
    """
    notes = []
    good = np.isfinite(scores).all(axis=1) & np.isfinite(hypothetical).all(axis=(1, 2)) & (scores != 0).any(axis=1)
    if not good.all():
        notes.append(f"{int((~good).sum())} sequences without a finite, non-zero attribution were not searched")
    strength = np.where(good, np.abs(np.nan_to_num(scores)).sum(axis=1), -1.0)
    chosen = np.sort(np.argsort(-strength, kind="stable")[: min(n_sequences, int(good.sum()))])
    if len(chosen) < good.sum():
        notes.append(f"searched the {len(chosen)} sequences with the largest attribution of {int(good.sum())}")
    motifs: list[DiscoveredMotif] = []
    codes, scores, hypothetical = codes[chosen], scores[chosen], hypothetical[chosen]
    if len(codes) < _FEWEST_SEQUENCES or codes.shape[1] < _SHORTEST:
        why = f"{len(codes)} sequences of {codes.shape[1]} bp; TF-MoDISco needs {_FEWEST_SEQUENCES} of {_SHORTEST} bp"
        reason = why
    else:
        motifs, reason = run_modisco(codes, hypothetical, time_limit_s=time_limit_s)
    if motifs:
        notes.append(f"TF-MoDISco found {len(motifs)} motifs")
    else:
        notes.append(f"TF-MoDISco found no motif: {reason}")
        motifs = _plain(codes, scores) if len(codes) else []
        notes.append(f"plain clustering of seqlets found {len(motifs)} motifs instead" if motifs else "no motif found")
    ordered = sorted(motifs, key=lambda motif: -motif.n_seqlets)[:most]
    return Discovery(tuple(ordered), tuple(notes))


def _plain(codes: np.ndarray, scores: np.ndarray) -> list[DiscoveredMotif]:
    seqlets = recursive_seqlets(scores, known=codes < 4, p_threshold=0.05)
    if len(seqlets) < max(50, len(codes) // 4):
        seqlets = threshold_seqlets(scores, known=codes < 4)
    return cluster_seqlets(codes, scores, seqlets)


def run_modisco(
    codes: np.ndarray, hypothetical: np.ndarray, *, time_limit_s: float
) -> tuple[list[DiscoveredMotif], str]:
    """Run TF-MoDISco in a process of its own, stopped at the limit; motifs, or none and the reason."""
    one_hot = (codes[..., None] == np.arange(4)).astype(np.float32)
    settings = json.dumps(modisco_settings(codes.shape[1], len(codes)))
    with tempfile.TemporaryDirectory(prefix="chiasma-modisco-") as folder:
        source, destination = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, one_hot=one_hot, hypothetical=hypothetical.astype(np.float32), settings=np.array(settings))
        reason = _run_limited([str(source), str(destination)], time_limit_s)
        if reason:
            return [], reason
        with np.load(destination, allow_pickle=False) as archive:
            arrays = dict(archive)
    motifs = [_motif(name.removesuffix(".sequence"), arrays) for name in arrays if name.endswith(".sequence")]
    return motifs, "" if motifs else "too few seqlets, or no cluster of them with enough support"


def _motif(name: str, arrays: dict[str, np.ndarray]) -> DiscoveredMotif:
    probabilities = arrays[f"{name}.sequence"] + 1e-4
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    span = informative_span(probabilities)
    count = int(arrays[f"{name}.seqlets"])
    return DiscoveredMotif(name, probabilities[span], arrays[f"{name}.contributions"][span], count, "tf-modisco")


def _run_limited(arguments: list[str], time_limit_s: float) -> str:
    """Run the worker; an empty text, or why there is no result. The whole process group ends at the limit."""
    command = [sys.executable, "-W", "ignore", "-m", "chiasma.explain.modisco_worker", *arguments]
    threads = str(min(2, os.cpu_count() or 1))
    environment = os.environ | {"NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment,
    ) as process:
        try:
            _, errors = process.communicate(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            _end_group(process)
            return f"stopped at its time limit of {time_limit_s:g} s"
        except BaseException:
            _end_group(process)
            raise
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        return f"it failed ({lines[-1][:300]})"
    return ""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
