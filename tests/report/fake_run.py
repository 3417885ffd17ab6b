"""Run folders as `fit` leaves them, with made-up numbers: binary, multiclass, regression and views."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chiasma.core.config import dump_toml
from chiasma.core.files import write_json
from chiasma.core.rng import generator

KINDS = ("binary", "multiclass", "regression", "views")
CLASSES = {
    "binary": ("shuffled", "peak"),
    "multiclass": ("promoter", "exon", "intron", "intergenic"),
    "views": ("Basal", "Her2", "LumA"),
}
_METHOD = {"binary": "cnn", "multiclass": "transformer", "regression": "haplotype-cnn", "views": "diablo"}
_PAPERS = {
    "cnn": ("DeepBind-like convolution", "Alipanahi, Babak and Delong, Andrew and Weirauch, Matthew", 2015, "10.1/a"),
    "transformer": ("Attention with a stem", "Vaswani, Ashish and Shazeer, Noam", 2017, ""),
    "haplotype-cnn": ("Unreasonable Effectiveness", "Flagel, Lex and Brandvain, Yaniv", 2019, "10.1093/molbev/msy224"),
    "diablo": ("DIABLO", "Singh, Amrit and Shannon, Casey", 2019, "10.1093/bioinformatics/bty1054"),
}


def estimate(value: float, half: float, unit: str) -> dict:
    return {"value": value, "low": value - half, "high": value + half, "unit": unit}


def fake_run(folder: Path, kind: str = "binary", *, seed: int = 1) -> Path:
    """Write a complete run folder of one kind; returns it."""
    rng = generator(seed, kind)
    folder.mkdir(parents=True, exist_ok=True)
    unit = {"binary": "peak with its twin", "views": "patient", "regression": "simulation"}.get(kind, "gene")
    (folder / "config.toml").write_text(dump_toml(_config(kind)))
    write_json(folder / "provenance.json", _provenance(kind, unit))
    write_json(folder / "audit.json", _audit(kind))
    write_json(folder / "metrics.json", _metrics(kind, unit))
    write_json(folder / "compare.json", _compare(kind, unit))
    write_json(folder / "model.json", {"method": _METHOD[kind], "preset": "default", "parameters": 214_337})
    _predictions(folder, kind, rng)
    if kind != "views":
        lines = [
            {
                "epoch": epoch,
                "train_loss": 0.18 + 0.5 * np.exp(-epoch / 3),
                "valid_loss": 0.2 + 0.42 * np.exp(-epoch / 2.5) + 0.0018 * max(0, epoch - 9) ** 1.5,
                "learning_rate": 1e-3,
                "seconds": 11.2,
            }
            for epoch in range(1, 17)
        ]
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "citations.bib").write_text("@article{a2015,\n  title = {A <title> & more},\n  year = {2015}\n}\n")
    _explain(folder / "explain", kind, rng)
    return folder


def _config(kind: str) -> dict:
    return {
        "method": _METHOD[kind],
        "seed": 1,
        "split": {"kind": "chromosome", "test_chromosomes": ["chr8", "chr9"], "valid_chromosomes": ["chr7"]},
        "model": {"filters": 128, "kernel": 19, "dropout": 0.2},
        "training": {"epochs": 20, "batch_size": 128, "learning_rate": 1e-3, "weight_decay": 1e-4, "patience": 4},
    }


def _provenance(kind: str, unit: str) -> dict:
    title, authors, year, doi = _PAPERS[_METHOD[kind]]
    paper = {"title": title, "authors": authors, "year": year, "journal": "Nature Methods", "doi": doi}
    card = {
        "name": _METHOD[kind],
        "wing": {"regression": "population", "views": "omics"}.get(kind, "sequence"),
        "title": "Convolutional network on sequence",
        "question": "Does this stretch of DNA do the thing that the positives do?",
        "contract": "estimator" if kind == "views" else "task",
        "data": "sequences",
        "paper": paper,
        "rival": "gapped k-mer logistic regression",
        "licences": {"code": "MIT", "weights": "none published"},
        "parity": {"kind": "none", "note": ""},
        "parameters": {"default": 214_337},
        "receptive_field": 101,
        "invariances": ["reverse complement"],
    }
    targets = {
        "regression": {"kind": "regression", "names": ["log_rho"], "unit": "ln rho per window"},
        "binary": {"kind": "binary", "names": list(CLASSES["binary"]), "unit": ""},
    }
    target = targets.get(kind) or {"kind": "multiclass", "names": list(CLASSES[kind]), "unit": ""}
    return {
        "started": "2026-11-20T09:14:07+00:00",
        "finished": "2026-11-20T09:19:58+00:00",
        "command": "chiasma fit cnn --positives ctcf.fa.gz --negatives shuffled --split chromosome -o runs/ctcf",
        "machine": {"system": "Linux-6.1", "processor": "x86_64", "cores": 2},
        "versions": {"python": "3.11.7", "chiasma": "0.1.0", "numpy": "2.3.4", "torch": "2.13.0+cpu"},
        "inputs": {"positives": {"path": "ctcf.fa.gz", "bytes": 2_812_233, "sha256": "3f" * 32}},
        "method": _METHOD[kind],
        "card": card,
        "target": target,
        "dataset": {
            "n": 78_368,
            "unit_name": unit,
            "notes": {"negatives": "dinucleotide-preserving shuffles, one a positive, seed 1"},
            "skips": [{"reason": "shorter than the model's 41 bases", "count": 3, "examples": ["peak_17", "peak_902"]}],
        },
        "split": {
            "kind": "chromosome",
            "parameters": {"test_chromosomes": ["chr8", "chr9"], "valid_chromosomes": ["chr7"]},
            "sizes": {"train": 61_930, "valid": 4_216, "calibration": 5_020, "test": 7_202},
            "proof": {
                "shared_ids": 0,
                "shared_units": 0,
                "interval_overlaps": {
                    "train-valid": {"pairs": 0, "examples": 0, "shown": []},
                    "train-test": {"pairs": 0, "examples": 0, "shown": []},
                },
                "exact_duplicates": None,
                "reverse_complement_twins": {
                    "train-valid": {"examples": 0, "shown": []},
                    "train-test": {"examples": 2, "shown": [["peak_1", "peak_2"]]},
                },
                "largest_containment": {"k": 8, "share": 0.31, "test": "peak_9", "train": "peak_12", "mean": 0.04},
                "sha256": {"train": "ab" * 32, "test": "cd" * 32},
            },
            "warnings": ["chr7 alone is a small validation part"],
        },
        "stages": {"read": 3.1, "split": 0.8, "audit": 14.9, "fit": 231.0, "rivals": 62.5, "explain": 41.0},
    }


def _audit(kind: str) -> dict:
    def finding(pitfall: str, name: str, severity: str, message: str, **figures: object) -> dict:
        return {"pitfall": pitfall, "name": name, "severity": severity, "message": message, "figures": figures}

    curve = [
        {"n": n, "value": 0.9 + 0.01 * i, "error": 0.004 / (i + 1), "test": estimate(0.9, 0.01, "peak")}
        for i, n in enumerate((500, 2000, 8000, 32000))
    ]
    findings = [
        finding("dependent-examples", "overlaps", "ok", "No test interval overlaps a training interval.", overlaps=0),
        finding(
            "dependent-examples",
            "reverse-complement-twins",
            "warning",
            "2 test sequences are the reverse complement of a training sequence.",
            twins=2,
            examples=["peak_1", "peak_8"],
        ),
        finding(
            "confounding",
            "gc-only",
            "note",
            "GC content alone reaches AUROC 0.52; the negatives are matched.",
            auroc=0.52,
        ),
        finding(
            "confounding",
            "permuted-labels",
            "ok",
            "With labels permuted the k-mer model reaches 0.50, as it should.",
            auroc=0.501,
        ),
        finding("imbalance", "class-balance", "ok", "The classes are 1:1 in every part.", ratio=1.0),
        finding(
            "sufficiency",
            "size-curve",
            "ok",
            "The k-mer rival gains 0.004 from the last doubling.",
            curve=curve,
            metric="auroc",
        ),
    ]
    if kind == "multiclass":
        findings.append(
            finding("leaky-preprocessing", "selection", "critical", "Features were chosen on all samples.", features=50)
        )
    return {
        "verdict": "The split is sound; two reverse-complement twins cross it and are too few to matter.",
        "worst": "critical" if kind == "multiclass" else "warning",
        "findings": findings,
    }


def _metrics(kind: str, unit: str) -> dict:
    if kind == "regression":
        names, base = ("r2", "pearson", "spearman", "rmse"), (0.884, 0.941, 0.938, 0.412)
        primary, worst = "r2", {"mean": (0.0, 0.0, 0.0, 1.21), "classical estimator": (0.71, 0.85, 0.86, 0.66)}
    elif kind == "binary":
        names, base, primary = ("auroc", "auprc", "mcc", "brier", "ece"), (0.982, 0.984, 0.87, 0.048, 0.012), "auroc"
        worst = {
            "majority": (0.5, 0.5, 0.0, 0.25, 0.0),
            "GC and length": (0.521, 0.52, 0.03, 0.249, 0.004),
            "best single PWM (MA0139)": (0.933, 0.941, 0.74, 0.101, 0.02),
            "k-mer logistic regression": (0.887, 0.89, 0.61, 0.139, 0.03),
            "gapped k-mer logistic regression": (0.94, 0.944, 0.75, 0.092, 0.02),
        }
    else:
        names, base, primary = ("balanced_accuracy", "mcc", "ece"), (0.861, 0.78, 0.04), "balanced_accuracy"
        worst = {"majority": (0.33, 0.0, 0.1), "PLS-DA on all views": (0.84, 0.75, 0.05)}
    half = 0.03 if kind == "views" else 0.004
    test = {name: estimate(value, half, unit) for name, value in zip(names, base)}
    baselines = {
        rival: {name: estimate(value, half, unit) for name, value in zip(names, values)}
        for rival, values in worst.items()
    }
    found: dict = {"test": test, "baselines": baselines, "primary": primary}
    found["slices"] = [
        {"slice": what, "value": value, "n": n, primary: estimate(base[0] + shift, half * 2, unit)}
        for what, value, n, shift in (
            ("chromosome", "chr8", 3710, 0.002),
            ("chromosome", "chr9", 3492, -0.002),
            ("GC", "20–40 %", 1510, -0.012),
            ("GC", "40–50 %", 3300, 0.001),
            ("GC", "50–80 %", 2392, 0.006),
            ("distance to training", "near", 2401, 0.003),
            ("distance to training", "far", 2400, -0.009),
        )
    ]
    found["slices"].append({"slice": "GC", "value": "80–100 %", "n": 3, "note": "too few examples"})
    if kind == "binary":
        found["negatives"] = "dinucleotide-preserving shuffles of the positives"
        found["ratios"] = {
            ratio: {"auroc": estimate(0.982, 0.003, unit), "auprc": estimate(value, 0.01, unit)}
            for ratio, value in (("1:1", 0.984), ("1:10", 0.912), ("1:100", 0.664))
        }
    if kind != "regression":
        classes = CLASSES[kind]
        per_class = {name: 0.9 + 0.005 * index for index, name in enumerate(classes)}
        found["conformal"] = {"alpha": 0.1, "coverage": 0.903, "mean_size": 1.04, "per_class": per_class}
        curve = [
            {
                "mean_p": p,
                "observed": p + 0.02 * np.sin(9 * p),
                "low": p - 0.04,
                "high": p + 0.05,
                "n": int(900 * abs(p - 0.5)) + 60,
            }
            for p in np.linspace(0.04, 0.96, 10)
        ]
        found["calibration"] = {"temperature": 1.37, "curve": curve, "ece_before": 0.031, "ece_after": 0.012}
    return found


def _compare(kind: str, unit: str) -> dict:
    method = _METHOD[kind]
    rivals = {"binary": "gapped k-mer logistic regression", "regression": "classical estimator"}
    rival = rivals.get(kind, "PLS-DA on all views")
    value, half = {"binary": (0.042, 0.005), "regression": (0.174, 0.02)}.get(kind, (0.021, 0.034))
    primary = {"binary": "auroc", "regression": "r2"}.get(kind, "balanced_accuracy")
    won = value > half
    words = {"auroc": "AUROC", "r2": "R²"}.get(primary, "balanced accuracy")
    return {
        "primary": primary,
        "best_rival": rival,
        "difference": {**estimate(value, half, unit), "p": 0.001 if won else 0.21},
        "verdict": f"{method} beats the best simple rival, {rival}, by {value:.3f} {words} on held-out data."
        if won
        else f"{method} is not shown to beat {rival}: the difference of {value:.3f} {words} may be chance.",
        "may_not_claim": [
            "That it finds binding sites in a genome: the negatives are shuffled sequences, not genomic ones.",
            "Anything about cell types other than the one the peaks came from.",
        ],
        "pairs": [
            {
                "a": method,
                "b": name,
                "metric": primary,
                "value": value + shift,
                "low": value + shift - half,
                "high": value + shift + half,
                "p": 0.001,
            }
            for name, shift in ((rival, 0.0), ("k-mer logistic regression", 0.053), ("GC and length", 0.41))
        ],
        "cost": {
            method: {"cpu_seconds": 431.0, "parameters": 214_337, "examples_per_second": 5210.0},
            rival: {"cpu_seconds": 38.0, "parameters": 4_097, "examples_per_second": 91_000.0},
        },
    }


def _predictions(folder: Path, kind: str, rng: np.random.Generator) -> None:
    n = 240 if kind == "views" else 3000
    ids = np.array([f"example_{index}<b>" if index == 7 else f"example_{index}" for index in range(n)])
    part = np.where(np.arange(n) % 3 == 0, "train", "test")
    columns: dict[str, object] = {"id": ids, "part": part}
    if kind == "regression":
        y = rng.normal(3, 1.2, n)
        columns |= {"y": y, "yhat_log_rho": y + rng.normal(0, 0.41, n)}
    else:
        names = CLASSES[kind]
        y = rng.integers(0, len(names), n)
        logits = rng.normal(0, 1.1, (n, len(names)))
        logits[np.arange(n), y] += 3.4
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        columns["y"] = y
        columns |= {f"p_{name}": p[:, code] for code, name in enumerate(names)}
        columns["set"] = ["|".join(name for code, name in enumerate(names) if row[code] > 0.12) for row in p]
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    pq.write_table(pa.table({"id": ids, "part": part}), folder / "split.parquet")


def _explain(folder: Path, kind: str, rng: np.random.Generator) -> None:
    folder.mkdir(exist_ok=True)
    if kind == "regression":
        return
    if kind == "views":
        rows = [
            f"{view}\t{component}\t{view}_{index}<i>\t{(-1) ** index * (1 - 0.06 * index):.4f}\t{1 - 0.05 * index:.2f}"
            for view in ("mrna", "mirna", "protein")
            for component in (1, 2)
            for index in range(14)
        ]
        (folder / "loadings.tsv").write_text("view\tcomponent\tfeature\tloading\tstability\n" + "\n".join(rows) + "\n")
        lines = ["sample\tview\tcomponent\tvalue\tclass"]
        for sample in range(90):
            code = sample % 3
            for view in ("mrna", "mirna", "protein"):
                for component in (1, 2):
                    centre = (-3, 0, 3)[code] if component == 1 else (0, 2.5, 0)[code]
                    lines.append(
                        f"s{sample}\t{view}\t{component}\t{centre + rng.normal():.3f}\t{CLASSES['views'][code]}"
                    )
        (folder / "variates.tsv").write_text("\n".join(lines) + "\n")
        return
    positions = np.arange(-50, 51)
    profile = ["position\tmean\tmean_absolute"]
    profile += [f"{x}\t{0.2 * np.exp(-(x**2) / 60):.4f}\t{0.05 + 0.22 * np.exp(-(x**2) / 80):.4f}" for x in positions]
    (folder / "position_profile.tsv").write_text("\n".join(profile) + "\n")
    motifs = ["motif\tn_seqlets\tconsensus\tmatch\tq\tp"]
    motifs += [
        "pos_0\t1822\tCCACNAGGGGGCGC\tCTCF.H12CORE.0.P.B\t3.1e-17\t2.0e-20",
        "pos_1\t214\tTGACTCA\tFOSL2.H12CORE.0.P.B\t0.004\t6e-6",
        "neg_0\t61\tAAAAAAAA\t\t\t",
    ]
    (folder / "motifs.tsv").write_text("\n".join(motifs) + "\n")
    blocks = ["MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n"]
    for name, consensus in (("pos_0", "CCACNAGGGGGCGC"), ("pos_1", "TGACTCA"), ("neg_0", "AAAAAAAA")):
        blocks.append(
            f"MOTIF {name} {consensus}\nletter-probability matrix: alength= 4 w= {len(consensus)} nsites= 100"
        )
        for base in consensus:
            row = [0.25] * 4 if base == "N" else [0.88 if base == other else 0.04 for other in "ACGT"]
            blocks.append(" ".join(f"{value:.4f}" for value in row))
        blocks.append("")
    (folder / "motifs.meme").write_text("\n".join(blocks))
    codes = rng.integers(0, 4, (12, 101)).astype(np.uint8)
    scores = (rng.normal(0, 0.01, codes.shape) + 0.3 * np.exp(-((positions) ** 2) / 40)).astype(np.float32)
    ids = np.array([f"peak_{index}" for index in range(12)])
    np.savez_compressed(folder / "attributions.npz", codes=codes, scores=scores, output=scores.sum(1), ids=ids)
    messages = ["shorter sequences were centred in 101 positions of N"]
    write_json(
        folder / "notes.json",
        {"messages": messages, "method": "deep-lift-shap", "sequences": 2000, "completeness_error": 0.0031},
    )
