from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest

from chiasma.core.errors import MismatchError, RunError
from chiasma.core.rng import generator
from chiasma.data.sequences import decode, encode
from chiasma.workflow.variants import chunks, score
from chiasma.workflow.variants.score import VariantOptions, score_variants
from command_line import call, done

MODELS = """
    import torch

    WEIGHTS = torch.tensor([0.5, -1.0, 2.0, 0.25])

    def here(x):
        "Weight of the base in the middle, on whichever strand."
        return torch.einsum("nbl,b->n", x[:, :, 19:21], WEIGHTS)[:, None]

    here.length = 40
    here.columns = ("yhat_middle",)

    def twice(x):
        return 3 * here(x)

    twice.length = 40
    twice.columns = ("yhat_middle",)

    def tracks(x):
        "G and C of each bin of four, the outer two bins cropped: each the other's strand."
        return torch.stack([x[:, base, 8:-8].unflatten(1, (-1, 4)).sum(2) for base in (2, 1)], 2)

    tracks.length, tracks.bin = 64, 4
    tracks.columns, tracks.strand_pair = ("g", "c"), (1, 0)

    def endless(x):
        return x.sum((1, 2))[:, None] / 0
"""
SIZE = 2000
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=2000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def other(base: str, by: int = 1) -> str:
    return "ACGT"[("ACGT".index(base) + by) % 4]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.py"
    path.write_text(textwrap.dedent(MODELS))
    return path


@pytest.fixture(scope="module")
def text() -> str:
    """Chromosome 1, with unknown bases at 1501 to 1510."""
    drawn = decode(generator(3, "genome").integers(0, 4, SIZE).astype(np.uint8))
    return drawn[:1500] + "N" * 10 + drawn[1510:]


@pytest.fixture(scope="module")
def fasta(tmp_path_factory, text) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{text}\n>chrM\n{text[100:400]}\n")
    return path


def vcf(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join("\t".join(line.split()) + "\n" for line in lines))
    return path


def fields(path: Path) -> list[dict[str, object]]:
    with pysam.VariantFile(str(path)) as file:
        return [dict(record.info) for record in file]


def test_every_kind_of_allele_is_scored_or_named(models, fasta, text, tmp_path):
    base, long = text[299], text[399:403]
    lines = (
        f"1 300 snv {base} {other(base)},{other(base, 2)} . PASS DP=7",
        f"chr1 400 del {long} {long[0]} . . .",
        f"chr1 500 ins {text[499]} {text[499]}ACGT . . .",
        f"chr1 600 mnv {text[599:602]} {''.join(map(other, text[599:602]))} . . .",
        f"chr1 700 wrong {other(text[699])} {other(text[699], 2)} . . .",
        f"chr1 800 flip {other(text[799])} {text[799]} . . .",
        f"chr1 900 sv {text[899]} <DEL>,* . . .",
        f"chr1 1000 iupac {text[999]} R . . .",
        "chr1 1505 unknown A C . . .",
        "chr1 5000 beyond A C . . .",
        "chr9 10 lost A C . . .",
        f"MT 5 alias {text[104]} {other(text[104])} . . .",
        f"MT 9 monomorphic {text[108]} . . . .",
    )
    out = tmp_path / "out.vcf.gz"
    answer = done("variants", f"{models}:here", vcf(tmp_path / "in.vcf", *lines), "--fasta", fasta, "-o", out, "--json")
    facts = answer.json
    assert (facts["records"], facts["alleles"], facts["scored"], facts["swapped"]) == (13, 15, 7, 1)
    skipped = {why: one["count"] for why, one in facts["skipped"].items()}
    assert sum(skipped.values()) == 8 and skipped["symbolic alleles, breakends and *, which name no bases"] == 2
    mismatch = "alleles whose REF and ALT are both not what the genome has there"
    assert facts["skipped"][mismatch]["examples"] == [f"chr1:700:{other(text[699])}>{other(text[699], 2)}"]
    assert mismatch in answer.err and "matched by another style of contig name" in answer.err
    found = fields(out)
    status = [one.get("CHIASMA_STATUS") for one in found]
    assert status[0] == ("SCORED", "SCORED") and status[4] == ("REF_MISMATCH",) and status[5] == ("SWAPPED",)
    assert status[6] == ("SYMBOLIC", "SYMBOLIC") and status[7:11] == [
        ("NOT_DNA",),
        ("REF_UNKNOWN",),
        ("OFF_CONTIG",),
        ("NO_CONTIG",),
    ]
    assert found[0]["DP"] == "7" and "CHIASMA_middle_EFFECT" not in found[4]
    # both strands see the middle base: a mean over its weight and its complement's
    weights = {"A": 0.5, "C": -1.0, "G": 2.0, "T": 0.25}
    both = {one: (weights[one] + weights["TGCA"["ACGT".index(one)]]) / 2 for one in weights}
    expected = [both[other(base, by)] - both[base] for by in (1, 2)]
    assert found[0]["CHIASMA_middle_EFFECT"] == pytest.approx(expected, abs=1e-5)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert (
        status[12] is None and len(table) == 15 and table["pos"][0] == 300 and table["effect_middle"].notna().sum() == 7
    )
    page = (tmp_path / "out.html").read_text()
    assert (
        mismatch in page
        and "aria-sort" in page
        and page.count("<svg") >= 14
        and "http://" not in page.replace("http://www.w3.org", "")
    )
    assert not (tmp_path / "out.vcf.gz.partial").exists()


def test_the_output_is_a_described_indexed_vcf_and_scored_again_it_stays_one(models, fasta, text, tmp_path):
    head = HEADER.replace("INFO\n", "INFO\tFORMAT\tanna\n")
    lines = [f"chr1 {at} . {text[at - 1]} {other(text[at - 1])} . . DB GT 0|1" for at in (900, 300, 600)]
    source = vcf(tmp_path / "in.vcf", *lines, header=head)
    first, again = tmp_path / "first.vcf.gz", tmp_path / "again.vcf.gz"
    done("variants", f"{models}:here", source, "--fasta", fasta, "-o", first)
    done("variants", f"{models}:here", f"{models}:twice", first, "--fasta", fasta, "-o", again)
    with pysam.VariantFile(str(again)) as file:
        known = file.header.info["CHIASMA_middle_EFFECT"]
        assert (known.number, known.type) == ("A", "Float") and "2 models" in str(file.header)
        assert [record.pos for record in file.fetch("chr1", 500, 1000)] == [600, 900]
    for path in (first, again):
        raw = pysam.BGZFile(str(path)).read().decode()
        assert raw.count("##INFO=<ID=CHIASMA_middle_EFFECT") == 1 and raw.count("##contig=<ID=chr1") == 1
        assert raw.count("CHIASMA_middle_EFFECT=") == 3 and raw.count("GT\t0|1\n") == 3 and raw.count("DB;") == 3
    assert [one["CHIASMA_middle_EFFECT"][0] for one in fields(again)] == pytest.approx(
        [2 * one["CHIASMA_middle_EFFECT"][0] for one in fields(first)],
        abs=1e-5,  # type: ignore[index]
    )


def test_spread_and_sign_over_models(models, fasta, text, tmp_path):
    from scipy.stats import t

    at = 299
    source = vcf(tmp_path / "in.vcf", f"chr1 {at + 1} . {text[at]} {other(text[at])} . . .")
    out = tmp_path / "out.vcf"
    done("variants", f"{models}:here", f"{models}:twice", source, "--fasta", fasta, "-o", out, "--one-strand")
    (found,) = pd.read_parquet(tmp_path / "out.parquet").to_dict("records")
    low = found["effect_middle"] / 2
    assert found["sd_middle"] == pytest.approx(abs(low) * np.sqrt(2))
    expected = t.cdf(2 * abs(low) / (np.sqrt(2) * abs(low) * np.sqrt(1.5)), 1)
    assert found["p_sign_middle"] == pytest.approx(expected)


def test_near_variants_share_the_genomes_window(models, fasta, text, tmp_path):
    lines = [
        f"chr1 {at} . {text[at - 1]} {','.join(b for b in 'ACGT' if b != text[at - 1])} . . ." for at in (300, 301)
    ]
    source = vcf(tmp_path / "in.vcf", *lines)
    alone = score_variants(
        [f"{models}:tracks"], source, fasta=fasta, output=tmp_path / "a.vcf", options=VariantOptions()
    )
    strided = VariantOptions(stride=16, logos=0)
    shared = score_variants([f"{models}:tracks"], source, fasta=fasta, output=tmp_path / "b.vcf", options=strided)
    assert (alone["scored"], shared["scored"]) == (6, 6)
    assert shared["reference_windows"] == 1 < alone["reference_windows"]
    columns = ["effect_g", "effect_c"]
    tables = [pd.read_parquet(tmp_path / f"{name}.parquet")[columns].to_numpy() for name in "ab"]
    assert np.sign(tables[0]).tolist() == np.sign(tables[1]).tolist() and np.abs(tables[0]).max() > 0


def test_strand_pairs_are_exchanged_on_the_other_strand(models, fasta, text, tmp_path):
    """The tracks count G and C, each the other's complement: both strands say the same, so nothing is spread."""
    base = text[299]
    source = vcf(tmp_path / "in.vcf", f"chr1 300 . {base} {other(base)} . . .")
    options = VariantOptions(statistic="difference")
    score_variants([f"{models}:tracks"], source, fasta=fasta, output=tmp_path / "out.vcf", options=options)
    (found,) = pd.read_parquet(tmp_path / "out.parquet").to_dict("records")
    assert (found["sd_g"], found["sd_c"]) == (0, 0)
    assert found["effect_g"] == (other(base) == "G") - (base == "G")
    assert found["effect_c"] == (other(base) == "C") - (base == "C")


def test_conservation_stands_beside_the_score(models, fasta, text, tmp_path):
    path = tmp_path / "phylop.bw"
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader([("1", SIZE)])
        handle.addEntries(["1"], [299], ends=[301], values=[2.5])
    source = vcf(
        tmp_path / "in.vcf",
        f"chr1 300 . {text[299:302]} {text[299]} . . .",
        f"chr1 800 . {text[799]} {other(text[799])} . . .",
    )
    out = tmp_path / "out.vcf.gz"
    words = ("variants", f"{models}:here", source, "--fasta", fasta, "-o", out, "--conservation", path)
    answer = done(*words)
    found = fields(out)
    assert found[0]["CHIASMA_CONSERVATION"] == 2.5 and "CHIASMA_CONSERVATION" not in found[1]
    assert "1 skipped: places of which phylop.bw says nothing (chr1:800)" in answer.err
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader([("7", SIZE)])
        handle.addEntries(["7"], [0], ends=[9], values=[1.0])
    refused = call(*words, "--overwrite")
    assert refused.code == 3 and "none of the variants' contigs" in refused.err


def test_a_vcf_of_another_build_is_refused_and_named(models, fasta, tmp_path):
    header = HEADER.replace("length=2000", "length=249250621")
    draw = generator(5, "alleles")
    pairs = [draw.choice(list("ACGT"), 2, replace=False) for _ in range(200)]
    lines = [f"chr1 {20 + 5 * row} . {ref} {alt} . . ." for row, (ref, alt) in enumerate(pairs)]
    source = vcf(tmp_path / "in.vcf", *lines, header=header)
    with pytest.raises(MismatchError, match=r"(?s)another genome build.*GRCh37 \(hg19\).*249,250,621 bases there"):
        score_variants([f"{models}:here"], source, fasta=fasta, output=tmp_path / "out.vcf")
    few = vcf(tmp_path / "few.vcf", *lines[:5], header=header)
    facts = score_variants([f"{models}:here"], few, fasta=fasta, output=tmp_path / "few_out.vcf")
    assert facts["scored"] + sum(one["count"] for one in facts["skipped"].values()) == 5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("cnn", "VCF"), 4, "no trained weights"),
        (("MODELS:absent", "VCF"), 2, "unknown function"),
        (("MODELS:here",), 2, "a model, a VCF and the genome are needed"),
        (("MODELS:endless", "VCF"), 2, "give --length"),
        (("MODELS:endless", "VCF", "--length", 20), 3, "no finite numbers"),
        (("MODELS:here", "VCF", "--length", 20), 2, "reads another length"),
        (("MODELS:here", "MODELS:tracks", "VCF"), 2, "no output in common"),
        (("MODELS:here", "VCF", "--target", "midle"), 2, "did you mean 'middle'"),
        (("MODELS:here", "VCF", "-o", "out.tsv"), 2, "unknown output format"),
        (("MODELS:here", "VCF", "--stride", 20), 2, "at most a quarter of the window"),
        (("MODELS:here", "EMPTY"), 3, "no variants"),
        (("MODELS:here", "BROKEN"), 3, "line 4: not a variant"),
        (("MODELS:here", "nothing.vcf"), 2, "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(models, fasta, text, tmp_path, words, code, said):
    known = {
        "VCF": vcf(tmp_path / "in.vcf", f"chr1 300 . {text[299]} {other(text[299])} . . ."),
        "EMPTY": vcf(tmp_path / "empty.vcf"),
        "BROKEN": vcf(tmp_path / "broken.vcf", "chr1 first . A C"),
    }
    given = [str(known.get(word, word)).replace("MODELS", str(models)) for word in words]
    output = () if "-o" in given else ("-o", tmp_path / "out.vcf")
    answer = call("variants", *given, "--fasta", fasta, *output)
    assert answer.code == code and said in answer.err
    assert not (tmp_path / "out.vcf").exists()


def test_it_resumes_where_it_was_killed_and_says_when_all_is_done(models, fasta, text, tmp_path, monkeypatch):
    lines = [f"chr1 {at} . {text[at - 1]} {other(text[at - 1])} . . ." for at in range(300, 312)]
    source, out = vcf(tmp_path / "in.vcf", *lines), tmp_path / "out.vcf.gz"
    words = ("variants", f"{models}:here", source, "--fasta", fasta, "-o", out)
    monkeypatch.setattr(chunks, "_ALLELES_IN_A_CHUNK", (4, 4))
    whole = chunks.score_chunk
    calls = []

    def killed(task):
        calls.append(task)
        if len(calls) == 2:
            raise RunError("killed")
        return whole(task)

    monkeypatch.setattr(chunks, "score_chunk", killed)
    assert call(*words).code == 4 and len(list(Path(f"{out}.partial").glob("chunk-*"))) == 1
    assert not out.exists()
    refused = call(*words, "--shift", 1)
    assert refused.code == 2 and "unfinished work of other inputs or settings" in refused.err
    answer = done(*words)
    assert "resumed: 1 of 3 chunks were there" in answer.err and len(calls) == 4
    resumed = out.read_bytes()
    assert "(done before)" in done(*words).out and len(calls) == 4
    refused = call(*words, "--shift", 1)
    assert refused.code == 2 and "of other inputs or settings" in refused.err
    done(*words, "--overwrite")
    assert out.read_bytes() == resumed and json.loads((tmp_path / "out.json").read_text())["scored"] == 12


def test_windows_over_the_edge_hold_n(models, fasta, text, tmp_path):
    source = vcf(tmp_path / "in.vcf", f"chr1 1 . {text[0]} {other(text[0])} . . .", f"chr1 2000 . {text[-1]} A . . .")
    facts = score_variants([f"{models}:tracks"], source, fasta=fasta, output=tmp_path / "out.vcf")
    assert (
        any("2 alleles whose window of 64 bases reaches over" in text for text in facts["remarks"]) or text[-1] == "A"
    )
    assert facts["scored"] >= 1


def test_a_model_that_changed_is_opened_anew(fasta, text, tmp_path):
    """In one process, as in a notebook: the same names, another model."""
    path = tmp_path / "model.py"
    source = vcf(tmp_path / "in.vcf", f"chr1 300 . {text[299]} {other(text[299])} . . .")
    found = []
    for weight in (1.0, 50.0):
        path.write_text(f"def here(x):\n    return {weight} * x[:, :1, 10]\nhere.length = 21\nhere.columns = ('a',)\n")
        options = VariantOptions(overwrite=True, both_strands=False, statistic="difference")
        facts = score_variants([f"{path}:here"], source, fasta=fasta, output=tmp_path / "out.vcf", options=options)
        assert facts["state"] == "new"
        found.append(
            pd.read_parquet(tmp_path / "out.parquet")["ref_a"][0]
            - pd.read_parquet(tmp_path / "out.parquet")["alt_a"][0]
        )
    assert found[1] == 50 * found[0]


def test_a_fitted_network_is_scored_by_its_log_odds(cnn_run, fasta, text, tmp_path):
    from chiasma.explain.onehot import outputs_of
    from chiasma.workflow.model import resolve_model

    base = text[299]
    source = vcf(tmp_path / "in.vcf", f"chr1 300 . {base} {other(base)} . . .")
    options = VariantOptions(both_strands=False, logos=1)
    facts = score_variants([cnn_run], source, fasta=fasta, output=tmp_path / "out.vcf", options=options)
    fitted = resolve_model(cnn_run)
    length = fitted.meta["task"]["length"]
    first = 299 - (length - 1) // 2
    window = text[first : first + length]
    changed = window[: 299 - first] + other(base) + window[300 - first :]
    codes = np.stack([encode(window), encode(changed)])
    logits = outputs_of(fitted.callable(), codes, targets=(0, 1))
    expected = np.diff(logits[1] - logits[0])[0]
    (found,) = pd.read_parquet(tmp_path / "out.parquet").to_dict("records")
    assert found[f"effect_{facts['outputs'][0]}"] == pytest.approx(expected, abs=1e-5)
    assert facts["statistic"].endswith("in log odds")


def test_a_fitted_network_of_tracks_is_scored_on_its_bins(fasta, text, tmp_path):
    """Bins, crop and strand pairs are those that its task learnt."""
    from types import SimpleNamespace

    import torch

    from chiasma.data.dataset import Target
    from chiasma.explain.onehot import one_hot
    from chiasma.methods.regulation.borzoi.config import tiny
    from chiasma.methods.regulation.borzoi.model import build
    from chiasma.workflow.fitted import Fitted

    config, names = tiny(), ("plus", "minus", "dnase")
    torch.manual_seed(1)
    network = build(config, 3).eval()
    task = {"length": config.length, "bin": config.bin, "crop": config.crop, "strand_pair": [1, 0, 2]}
    method = SimpleNamespace(name="borzoi", card=SimpleNamespace(name="borzoi", contract="task", data="tracks"))
    target = Target("regression", np.zeros(0), names)
    fitted = Fitted(method, config, target, network, {"task": task})  # type: ignore[arg-type]
    base, at = text[999], 999
    source = vcf(tmp_path / "in.vcf", f"chr1 {at + 1} . {base} {other(base)} . . .")
    options = VariantOptions(statistic="difference", stride=1)
    facts = score_variants([fitted], source, fasta=fasta, output=tmp_path / "out.vcf", options=options)
    assert facts["models"][0]["bin"] == config.bin and facts["models"][0]["strands"] == 2
    first = at - (config.length - 1) // 2
    window = encode(text[first : first + config.length])
    changed = window.copy()
    changed[at - first] = encode(other(base))[0]
    x = one_hot(np.stack([window, changed]))
    with torch.no_grad():
        plus, minus = network(x).sum(1).numpy(), network(x.flip(1, 2)).sum(1).numpy()[:, [1, 0, 2]]
    expected = np.diff((plus + minus) / 2, axis=0)[0]
    (found,) = pd.read_parquet(tmp_path / "out.parquet").to_dict("records")
    assert [found[f"effect_{name}"] for name in names] == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.slow
def test_workers_give_the_same_numbers(models, fasta, text, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "_ALLELES_IN_A_CHUNK", (4, 4))
    lines = [f"chr1 {at} . {text[at - 1]} {other(text[at - 1])} . . ." for at in range(300, 312)]
    source = vcf(tmp_path / "in.vcf", *lines)
    found = []
    for name, options in {"a": VariantOptions(), "b": VariantOptions(executor="local", workers=2)}.items():
        score_variants([f"{models}:tracks"], source, fasta=fasta, output=tmp_path / f"{name}.vcf", options=options)
        found.append(pd.read_parquet(tmp_path / f"{name}.parquet"))
    pd.testing.assert_frame_equal(*found)


def test_the_options_reach_the_python_api():
    assert score.VariantOptions().anchor == "centre" and set(score.STATISTICS) == {
        "difference",
        "log2-fold",
        "l2",
    }
