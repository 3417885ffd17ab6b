"""An experiment on measured alleles from end to end: files fold by fold, a fit, its variants, correlations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import UsageError
from chiasma.data.sequences import decode, encode
from chiasma.explain.onehot import outputs
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.reproducing.reproduce import load_experiment, reproduce

EXPERIMENT = """
title = "Measured alleles"
question = "Do scores follow measurements?"
minutes = "under 1"

[[step]]
name = "alleles"
verb = "alleles"
inputs = { effects = "data:effects.tsv", references = "data:refs.fa" }
options = { build = "GRCh38", half = 10, folds = 2, fewest_barcodes = 1 }

[[step]]
name = "cnn{n}"
verb = "fit"
repeat = 2
methods = ["cnn"]
preset = "tiny"

[step.inputs]
sequences = "step:alleles/windows.fa"
labels = "step:alleles/effects.tsv"
groups = "step:alleles/loci.tsv"

[step.options]
split = { kind = "group", valid = 0.25, calibration = 0.25 }
test_ids = "step:alleles/test{n}.txt"
rivals = false
explain = false
draws = 100

[step.config]
filters = 4
training = { epochs = 1, batch_size = 128 }

[[step]]
name = "scored{n}"
verb = "variants"
repeat = 2
methods = ["cnn{n}"]
inputs = { vcf = "step:alleles/fold{n}.vcf", fasta = "step:alleles/elements.fa" }
options = { logos = 0, both_strands = false }

[[step]]
name = "effects"
verb = "effects"
show = "elements.tsv"
options = { draws = 200 }

[step.inputs]
alleles = "step:alleles/alleles.tsv"
scores = ["step:scored0/scored.parquet", "step:scored1/scored.parquet"]

[[expect]]
what = "alleles scored"
step = "effects"
file = "effects.json"
key = "alleles"
at_least = 1280
source = "all"
"""


def material(folder: Path) -> None:
    """Eight loci of 40 bases, every substitution and deletion of each."""
    draw = np.random.default_rng(1)
    rows, blocks = [], []
    for number in range(8):
        codes = draw.integers(0, 4, 40)
        codes[1:] = np.where(codes[1:] == codes[:-1], (codes[1:] + 1) % 4, codes[1:])  # no runs: deletions stay put
        text = decode(codes.astype(np.uint8))
        blocks.append(f">e{number} chr{number}:1-40\n{text}\n")
        for at, ref in enumerate(text):
            for alt in sorted({*"ACGT-"} - {ref}):
                rows.append(f"{number}\t{at + 1}\t{ref}\t{alt}\t20\t0\t0\t{draw.normal():.4f}\t1\te{number}\tGRCh38")
    head = "Chrom\tPos\tRef\tAlt\tBarcodes\tDNA\tRNA\tCoefficient\tpValue\tElement\tRelease\n"
    (folder / "effects.tsv").write_text(head + "\n".join(rows) + "\n")
    (folder / "refs.fa").write_text("".join(blocks))


def test_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    material(tmp_path)
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path))
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    out = tmp_path / "out"
    record = reproduce(tmp_path / "mine.toml", output=out)
    assert record["holds"] and [step["name"] for step in record["steps"]][1:5] == ["cnn0", "cnn1", "scored0", "scored1"]
    alleles = pd.read_csv(out / "alleles" / "alleles.tsv", sep="\t", keep_default_na=False)
    assert alleles.groupby("locus")["fold"].nunique().eq(1).all() and set(alleles["fold"]) == {0, 1}
    scores = pd.concat([pd.read_parquet(out / f"scored{fold}" / "scored.parquet").assign(fold=fold) for fold in (0, 1)])
    alleles["score"] = alleles["id"].map(scores.set_index("id")["effect_label"])

    # What was scored is the network on windows cut by hand.
    windows = (out / "alleles" / "windows.fa").read_text().split(">")[1:]
    text = dict(block.split() for block in windows)
    for fold in (0, 1):
        held = alleles[alleles["fold"] == fold].iloc[::17]
        network = load_fitted(out / f"cnn{fold}").callable()
        alt = outputs(network, np.stack([encode(text[name]) for name in held["id"]]), target=0)
        places = held["element"] + "_" + held["at"].astype(str) + "_asis"
        ref = outputs(network, np.stack([encode(text[name]) for name in places]), target=0)
        simple = (held["alt"] != "-").to_numpy()
        scale = (held["score"] / (alt - ref))[simple]  # the network's own unit is a standard deviation of its targets
        np.testing.assert_allclose(scale, scale.median(), rtol=1e-2)
        tested = set(pd.read_parquet(out / f"cnn{fold}" / "predictions.parquet").query("part == 'test'")["id"])
        assert set(held["id"]) <= tested

    # Correlations and the blind baseline, once more.
    found = pd.read_csv(out / "effects" / "elements.tsv", sep="\t").set_index("element")
    for element, part in alleles.groupby("element"):
        wanted = part[["effect", "score"]].rank().corr().iloc[0, 1]
        assert found.loc[element, "model"] == pytest.approx(wanted, abs=1e-3)
        others = alleles[alleles["fold"] != part["fold"].iloc[0]]
        kinds = others.groupby(["ref", "alt"])["effect"].mean()
        blind = pd.Series([kinds[row.ref, row.alt] for row in part.itertuples()])
        assert found.loc[element, "blind"] == pytest.approx(
            np.corrcoef(blind.rank(), part["effect"].rank())[0, 1], abs=1e-3
        )
    summary = json.loads((out / "effects" / "effects.json").read_text())
    assert summary["spearman"]["model"]["value"] == pytest.approx(found["model"].mean(), abs=1e-3)
    assert summary["spearman"]["model"]["low"] <= summary["spearman"]["model"]["high"]
    assert "| e0 | 160 | 40 |" in (out / "result.md").read_text()
    again = reproduce(tmp_path / "mine.toml", output=out)
    assert [step["state"] for step in again["steps"]][1:3] == ["complete"] * 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('labels = "step:alleles/', 'labels = "step:later/', "reads of no earlier step: later"),
        ("logos = 0", "logo = 0", "unknown option of variants in step scored0"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(tmp_path, monkeypatch, old, new, words) -> None:
    material(tmp_path)
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path))
    (tmp_path / "mine.toml").write_text(EXPERIMENT.replace(old, new))
    with pytest.raises(UsageError, match=words):
        reproduce(tmp_path / "mine.toml", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_steps_are_written_out() -> None:
    steps = load_experiment("mpra_satmut").step
    assert [step.name for step in steps if step.verb == "variants"] == [f"scored{fold}" for fold in range(7)]
    assert steps[1].options["test_ids"] == "step:alleles/test0.txt"
