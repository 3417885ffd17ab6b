"""Enformer on one sequence of 196,608 bases, float32 on a CPU: chiasma and enformer-pytorch, the same random weights.

Each runs in a process of its own, one after the other; CPU seconds are of the forward pass alone, the peak of resident
memory is the whole process's, which holds the weights (0.94 GiB) either way. The outputs are compared.

    OMP_NUM_THREADS=1 python benchmarks/enformer.py [--repeats 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

LENGTH = 196_608
SEED = 1


def sequence() -> torch.Tensor:
    """One-hot (batch=1, position, base)."""
    draw = torch.Generator().manual_seed(SEED)
    return torch.nn.functional.one_hot(torch.randint(0, 4, (1, LENGTH), generator=draw), 4).float()


def randomise(model: torch.nn.Module) -> None:
    """Move what a fresh network leaves at 0 or 1, so that every part takes part in the answer."""
    draw = torch.Generator().manual_seed(SEED)
    for name, value in sorted(model.state_dict().items()):
        if name.endswith("running_mean"):
            value.normal_(0, 0.2, generator=draw)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=draw)
        elif name.endswith("to_out.weight"):
            value.normal_(0, 0.02, generator=draw)


def enformer_pytorch(weights: Path) -> Any:
    """The peer, with the released gamma table; its weights are written for ours to read."""
    import warnings

    from safetensors.torch import save_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from enformer_pytorch import Enformer

    torch.manual_seed(SEED)
    model = Enformer.from_hparams(use_tf_gamma=True).eval()
    randomise(model)
    if not weights.exists():
        save_file({k: v for k, v in model.state_dict().items() if not k.startswith("_trunk.")}, weights)
    x = sequence()
    return lambda: model(x)["human"]


def chiasma(weights: Path) -> Any:
    """Ours, from the peer's weights."""
    from safetensors import safe_open

    from chiasma.methods.regulation.enformer.config import default
    from chiasma.methods.regulation.enformer.model import build
    from chiasma.methods.regulation.enformer.weights import convert

    with torch.device("meta"):
        model = build(default())
    with safe_open(weights, "pt") as file:
        state, report = convert(((name, file.get_tensor(name)) for name in file.keys()), default())  # noqa: SIM118
    report.require_complete()
    model.load_state_dict(state, assign=True)
    model.eval()
    x = sequence().transpose(1, 2).contiguous()
    return lambda: model(x)


def worker(which: str, folder: Path, repeats: int) -> None:
    """Measure one model in this process and print JSON."""
    run = {"chiasma": chiasma, "enformer-pytorch": enformer_pytorch}[which](folder / "weights.safetensors")
    seconds = []
    with torch.inference_mode():
        for _ in range(repeats):
            start = time.process_time()
            output = run()
            seconds.append(time.process_time() - start)
    torch.save(output, folder / f"{which}.pt")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"model": which, "cpu_s": min(seconds), "all_cpu_s": seconds, "peak_gib": peak}))


def measure(repeats: int) -> dict[str, Any]:
    """Both models, and how far their answers are apart."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for which in ("enformer-pytorch", "chiasma"):
            command = [sys.executable, __file__, "--worker", which, "--folder", name, "--repeats", str(repeats)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
        ours, theirs = (torch.load(folder / f"{w}.pt", weights_only=True) for w in ("chiasma", "enformer-pytorch"))
    apart = float((ours - theirs).abs().max() / theirs.abs().max())
    spread = float((ours - theirs).abs().max() / theirs.std())
    return {"rows": rows, "largest_difference": apart, "of_standard_deviation": spread, "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.folder, arguments.repeats)
        return
    found = measure(arguments.repeats)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'model':18s} {'CPU s':>8s} {'peak GiB':>9s}")
    for row in found["rows"]:
        print(f"{row['model']:18s} {row['cpu_s']:8.1f} {row['peak_gib']:9.2f}")
    print(f"largest difference: {found['largest_difference']:.1e} of the largest output, ", end="")
    print(f"{found['of_standard_deviation']:.1e} of the outputs' standard deviation; load {found['load']:.1f}")


if __name__ == "__main__":
    main()
