"""Published weights along a genome: bins of coverage in a bigWig, as the network and its track table say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyBigWig
import pytest
import torch

from chiasma.core.errors import UsageError
from chiasma.fit.checkpoint import module_arrays, save_arrays
from chiasma.io.genome import open_genome
from chiasma.methods.regulation.borzoi.config import tiny
from chiasma.methods.regulation.borzoi.model import build
from chiasma.nn.onehot import one_hot, reverse_complement
from chiasma.workflow.predicting.predict import predict
from chiasma.workflow.weights import catalogue
from command_line import done
from track_material import write_genome

TABLE = "\tidentifier\tclip_soft\tscale\tsum_stat\tstrand_pair\n" + "".join(
    f"{number}\t{name}\t0.5\t{0.5 if number else 1}\tsum_sqrt\t{pair}\n"
    for number, (name, pair) in enumerate(zip("abcde", (1, 0, 2, 4, 3)))
)
SIZES = {"chr1": 3000, "chr2": 2000}


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tiny Borzoi of two heads, converted and in the cache as `weights get` leaves it; `human` has a track table."""
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))
    config = tiny().replace(tracks={"human": 5, "mouse": 3})
    torch.manual_seed(1)
    model = build(config).eval()
    for layer in model.heads.layers.values():  # type: ignore[union-attr, operator]
        layer.bias.data += torch.linspace(-1, 2, len(layer.bias))
    folder = tmp_path / "catalogue/regulation/borzoi"
    folder.mkdir(parents=True)
    facts: dict[str, Any] = {
        "what": "toy",
        "source": "us",
        "licence": "CC0",
        "url": "https://example.org",
        "format": "keras",
    }
    facts |= {"megabytes": 1, "preset": "tiny", "squash": "old"}
    text = "[toy]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in facts.items())
    (folder / "weights.toml").write_text(text + "settings = { tracks = { human = 5, mouse = 3 } }\n")
    monkeypatch.setattr(catalogue, "CATALOGUES", tmp_path / "catalogue")
    kept = tmp_path / "cache/weights/toy"
    known = {"name": "toy", "method": "regulation/borzoi", "config": config.model_dump(mode="json"), "keys": {}}
    save_arrays(kept, "published", module_arrays(model), known)
    (kept / "targets_human.txt").write_text(TABLE)
    return model


@torch.no_grad()
def expected(network: Any, fasta: Path, head: str, *, start: int) -> np.ndarray:
    """Targets (bin, track) of the window whose bins with targets begin at `start` of chr1."""
    codes = open_genome(fasta).codes[start - 32 : start - 32 + 1024]
    x = one_hot(torch.from_numpy(np.array(codes))[None])
    ahead = network(x, head)
    if head == "mouse":
        return np.asarray(ahead[0].numpy())
    behind = network(reverse_complement(x), head).flip(1)[:, :, [1, 0, 2, 4, 3]]
    return np.asarray(((ahead + behind) / 2)[0].numpy(), np.float64)


def test_bins_of_coverage_go_to_a_bigwig(network: Any, tmp_path: Path) -> None:
    fasta, _ = write_genome(tmp_path, SIZES)
    (tmp_path / "r.bed").write_text("chr1\t1000\t1960\nchr2\t5\t40\n")
    out = tmp_path / "out.bw"
    answer = done("predict", "toy", tmp_path / "r.bed", "--fasta", fasta, "--track", "b", "-o", out)
    assert "249 predictions" in answer.err  # 240 bins of 4 bases, and 9 that touch the second stretch
    raw = expected(network, fasta, "human", start=1000)[:, 1] / 0.5
    coverage = np.where(raw > 0.5, (raw - 0.5) ** 2 + 0.5, raw) ** (4 / 3)  # the old order, taken back
    with pyBigWig.open(str(out)) as handle:
        assert handle.chroms() == SIZES
        found = np.array(handle.values("chr1", 1000, 1960)).reshape(-1, 4)
        np.testing.assert_allclose(found, np.repeat(coverage[:, None], 4, axis=1), rtol=1e-4)
        assert np.isnan(handle.values("chr2", 44, 48)).all() and not np.isnan(handle.values("chr2", 4, 8)).any()


def test_a_head_without_a_table_is_told_of(network: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fasta, _ = write_genome(tmp_path, SIZES)
    (tmp_path / "r.bed").write_text("chr1\t1000\t1960\n")
    columns, _ = predict("toy:mouse", {"input": tmp_path / "r.bed", "fasta": fasta})
    assert "no track table of toy:mouse" in capsys.readouterr().err
    found = np.stack([columns[f"yhat_track{number}"] for number in (1, 2, 3)], axis=1)
    np.testing.assert_allclose(found, expected(network, fasta, "mouse", start=1000), rtol=1e-5)
    whole, _ = predict("toy:mouse", {"fasta": fasta}, tracks=["track2"])
    assert len(whole["id"]) == 750 + 500 and whole["end"].max() == 3000
    np.testing.assert_allclose(whole["yhat_track2"][250:490], found[:, 1], atol=0.2)
    with pytest.raises(UsageError, match="track9"):
        predict("toy:mouse", {"fasta": fasta}, tracks=["track9"])
