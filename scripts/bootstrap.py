#!/usr/bin/env python3
"""Make .venv with chiasma and all that its README shows; torch without CUDA where there is no NVIDIA GPU.

Standard library only. Torch is installed first and alone: once a CPU build is there, the resolver leaves it be.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TORCH = "torch==2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
EXTRAS = os.environ.get("CHIASMA_EXTRAS", "population,omics,test,dev")


def find_python() -> str:
    """An interpreter of 3.11 or newer: this one, or one on the path."""
    if sys.version_info >= (3, 11):  # noqa: UP036 - this script runs under any Python 3
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        if found := shutil.which(name):
            return found
    sys.exit(f"chiasma needs Python 3.11 or newer; this is {sys.version.split()[0]}. Install one and run make again.")


def configured_cpu_wheel(python: Path) -> bool:
    """Whether pip's own configuration already offers a +cpu build of torch."""
    command = [str(python), "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet", "--report", "-", TORCH]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and re.search(r"2\.13\.0(\+|%2B)cpu", answer.stdout) is not None


def has_nvidia() -> bool:
    """Whether an NVIDIA driver answers."""
    return (
        shutil.which("nvidia-smi") is not None and subprocess.run(["nvidia-smi"], capture_output=True).returncode == 0
    )


def torch_arguments(python: Path) -> list[str]:
    """What pip is told for torch on this machine."""
    if not sys.platform.startswith("linux") or has_nvidia() or configured_cpu_wheel(python):
        return [TORCH]
    return [TORCH, "--index-url", CPU_INDEX]


def make(folder: Path, what: str, *, editable: bool) -> None:
    """Make or complete an environment: torch first and alone, then chiasma."""
    python = folder / "bin" / "python"
    if (
        subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode
        if python.exists()
        else True
    ):
        print(f"making {folder.name} with Python {sys.version.split()[0]}", file=sys.stderr)
        try:
            venv.create(folder, with_pip=True, clear=True, symlinks=os.name != "nt")
        except subprocess.CalledProcessError:
            shutil.rmtree(folder, ignore_errors=True)
            sys.exit("this Python cannot make environments with pip; on Debian: apt-get install python3-venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print("installing torch, then chiasma (about two to four minutes)", file=sys.stderr)
    if subprocess.run([str(python), "-c", "import torch"], capture_output=True).returncode != 0:
        subprocess.run([*pip, *torch_arguments(python)], check=True)
    subprocess.run([*pip, *(["-e"] if editable else []), what], check=True)


def main() -> None:
    """Make the checkout's environment, or with --wheel FILE --into FOLDER one that holds a built wheel."""
    interpreter = find_python()
    if interpreter != sys.executable:
        os.execv(interpreter, [interpreter, *sys.argv])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", help="a built wheel to install instead of the checkout")
    parser.add_argument("--into", type=Path, default=VENV, help="folder of the environment")
    arguments = parser.parse_args()
    if arguments.wheel:
        make(arguments.into, arguments.wheel, editable=False)
        return
    make(VENV, f"{ROOT}[{EXTRAS}]", editable=True)
    (VENV / ".complete").touch()


if __name__ == "__main__":
    main()
