"""All single substitutions of a sequence: CPU seconds of chiasma and of tangermeme, the same networks in the same run.

Two networks of 2,114 bp with random weights: one as Basset (Kelley et al. 2016), one as BPNet (Avsec et al. 2021; the
form of bpnet-lite). tangermeme is timed on the 100 central positions and multiplied up; chiasma does all positions, all
outputs and its own comparison with the model. The bound is the ratio of multiply-adds: what would be saved if they were
all that costs. "recomputing" is that ratio where each output that an edit reaches is computed anew, as other fast
methods do; chiasma multiplies changed inputs alone. A ratio above the bound is possible: matrix products of changes run
nearer to the processor's peak than convolutions of few channels.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python benchmarks/mutagenesis.py [--json] [--repeats 3]
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from chiasma.explain.mutagenesis import all_substitutions
from chiasma.explain.onehot import one_hot

LENGTH = 2114
PART = 100
"""Positions that tangermeme is timed on."""


def basset() -> nn.Module:
    """Filters 300, 200, 200 of widths 19, 11, 7; pools 3, 4, 4; dense 1,000 twice; 164 outputs."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    channels = 4
    for filters, width, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        norm = nn.BatchNorm1d(filters)
        norm.running_mean = torch.randn(filters) * 0.1
        norm.running_var = torch.rand(filters) + 0.5
        layers += [nn.Conv1d(channels, filters, width, padding=width // 2), norm, nn.ReLU(), nn.MaxPool1d(pool)]
        channels = filters
    dense = [nn.Flatten(), nn.Linear(200 * (LENGTH // 48), 1000), nn.ReLU(), nn.Dropout(0.3), nn.Linear(1000, 1000)]
    return nn.Sequential(*layers, *dense, nn.ReLU(), nn.Dropout(0.3), nn.Linear(1000, 164)).eval()


class BPNet(nn.Module):
    """64 filters, first of width 21, eight dilated residual layers, profile of 1,000 positions, count."""

    def __init__(self, filters: int = 64, layers: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv1d(4, filters, 21, padding=10)
        self.dilated = nn.ModuleList(
            [nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)]
        )
        self.profile, self.count = nn.Conv1d(filters, 1, 75, padding=37), nn.Linear(filters, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.first(x))
        for layer in self.dilated:
            h = h + torch.relu(layer(h))
        profile = self.profile(h)[:, :, 557:-557].flatten(1)
        return torch.cat([profile, self.count(h[:, :, 520:-520].mean(2))], 1)


def cpu(work: Callable[[], Any], repeats: int) -> float:
    """Least CPU seconds of several calls after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def recomputing_bound(name: str) -> float:
    """Multiply-adds of brute force by those of recomputing each output reached (widths by hand, inner positions)."""
    if name == "basset":
        brute = (2114 * 19 * 4 * 300, 704 * 11 * 300 * 200, 176 * 7 * 200 * 200, 44 * 200 * 1000, 1000 * 1164)
        ours = (19 * 19 * 4 * 300, 18 * 11 * 300 * 200, 12 * 7 * 200 * 200, 4 * 200 * 1000, 1000 * 1164)
        return sum(brute) / sum(ours)
    reached = [21 + 2 * sum(2**i for i in range(1, last + 1)) for last in range(1, 9)]
    brute = (2114 * 21 * 4 * 64, 8 * 2114 * 3 * 64 * 64, 2114 * 75 * 64)
    ours = (21 * 21 * 4 * 64, sum(reached) * 3 * 64 * 64, (reached[-1] + 74) * 75 * 64)
    return sum(brute) / sum(ours)


def measure(repeats: int) -> list[dict[str, Any]]:
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    codes = np.random.default_rng(0).integers(0, 4, (1, LENGTH)).astype(np.uint8)
    start = (LENGTH - PART) // 2
    rows = []
    for name, model in (("basset", basset()), ("bpnet", BPNet().eval())):

        def theirs(model: nn.Module = model) -> Any:
            return saturation_mutagenesis(
                model, one_hot(codes), start=start, end=start + PART, batch_size=32, device="cpu", raw_outputs=True
            )

        def ours(model: nn.Module = model) -> Any:
            return all_substitutions(model, codes, method="windows")

        spent = cpu(ours, repeats)
        peer = cpu(theirs, repeats) * LENGTH / PART
        found, (before, after) = ours(), theirs()[:2]
        expected = (torch.as_tensor(after) - torch.as_tensor(before)[:, None, None]).numpy().transpose(0, 2, 1, 3)
        error = float(np.abs(found.effects[:, start : start + PART] - expected).max())
        rows.append(
            {
                "network": name,
                "outputs": found.effects.shape[-1],
                "chiasma_cpu_s": spent,
                "tangermeme_cpu_s": peer,
                "ratio": peer / spent,
                "bound": found.flops,
                "bound_recomputing": recomputing_bound(name),
                "largest_error": error,
                "largest_effect": float(np.abs(expected).max()),
            }
        )
    return rows


def main() -> None:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("set OMP_NUM_THREADS=1: CPU seconds of several threads count their waiting")
    warnings.simplefilter("ignore")
    repeats = int(sys.argv[sys.argv.index("--repeats") + 1]) if "--repeats" in sys.argv else 3
    rows = measure(repeats)
    load = statistics.fmean(os.getloadavg())
    if "--json" in sys.argv:
        print(json.dumps({"load": load, "rows": rows}, indent=2))
        return
    print(f"one sequence of {LENGTH} bp, {3 * LENGTH} substitutions, one thread, least of {repeats}; load {load:.1f}")
    for row in rows:
        print(
            f"{row['network']:7s} {row['outputs']:5d} outputs  chiasma {row['chiasma_cpu_s']:6.2f} CPU s  "
            f"tangermeme {row['tangermeme_cpu_s']:6.1f} CPU s  ratio {row['ratio']:5.1f}x  "
            f"bound {row['bound']:5.1f}x (recomputing {row['bound_recomputing']:.1f}x)  "
            f"largest error {row['largest_error']:.1e} of effects up to {row['largest_effect']:.1e}"
        )


if __name__ == "__main__":
    main()
