"""Published weights from a server of our own: listed, fetched, converted, checked, and used by name."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from chiasma.core.errors import FormatError, MismatchError, NotTrainedError, UsageError
from chiasma.io.fasta import read_fasta
from chiasma.methods.regulation.borzoi.config import mini, tiny
from chiasma.methods.regulation.borzoi.model import build
from chiasma.methods.regulation.borzoi.weights import borzoi_pytorch, keras
from chiasma.nn.published import shapes_of
from chiasma.workflow import check_weights, get_weights, predict
from chiasma.workflow.model import OwnModel, resolve_model
from chiasma.workflow.variants.identity import model_identity
from chiasma.workflow.weights import catalogue
from chiasma.workflow.weights.catalogue import list_weights
from chiasma.workflow.weights.check import fixed_sequence
from chiasma.workflow.weights.convert import read_published
from command_line import call, done
from file_server import Shelf, serving

TABLE = "\tidentifier\tstrand_pair\tdescription\n" + "".join(
    f"{number}\t{name}\t{pair}\tCAGE:toy\n" for number, (name, pair) in enumerate(zip("abcde", (1, 0, 2, 4, 3)))
)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf()) as found:
        yield found


@pytest.fixture
def publish(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shelf]:
    """Put a checkpoint of the tiny Borzoi on the shelf, and its entry into a catalogue of its own."""
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))

    def put(
        content: bytes, *, form: str = "safetensors", more: Mapping[str, Any] | None = None, lines: str = ""
    ) -> Shelf:
        shelf.files |= {"toy": content, "targets": TABLE.encode()}
        facts: dict[str, Any] = {
            "what": "toy",
            "source": "us",
            "licence": "CC0",
            "url": f"{shelf.url}/toy",
            "format": form,
        }
        facts |= {"megabytes": 1, "preset": "tiny", **(more or {})}
        folder = tmp_path / f"catalogue{len(list(tmp_path.iterdir()))}/regulation/borzoi"
        folder.mkdir(parents=True)
        text = "[toy]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in facts.items())
        tables = f'[toy.tables]\nhuman = "{shelf.url}/targets"\n'
        (folder / "weights.toml").write_text(text + tables + lines)
        monkeypatch.setattr(catalogue, "CATALOGUES", folder.parent.parent)
        return shelf

    return put


def network(seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build(tiny()).eval()


def tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State of a tiny Borzoi under borzoi-pytorch's names."""
    state = model.state_dict()
    return {name: state[place.target] for name, place in borzoi_pytorch(tiny(), shapes_of(model)).places.items()}


def content(form: str, model: torch.nn.Module) -> bytes:
    if form == "safetensors":
        return save(tensors(model))
    if form == "torch":
        return pickled(tensors(model))
    h5py = pytest.importorskip("h5py")
    held = io.BytesIO()
    state = model.state_dict()
    with h5py.File(held, "w") as file:
        for name, (target, axes) in keras(tiny(), shapes_of(model)).places.items():
            value = state[target].numpy()
            value = value if axes is None else value.transpose(np.argsort(axes))
            layer, rest = name.replace("#", "_").split("/", 1)
            flat = layer.startswith("dense") and rest == "kernel"
            file[f"model_weights/{layer}/{layer}/{rest}:0"] = value.reshape(value.shape[-2:]) if flat else value
    return held.getvalue()


def pickled(value: object) -> bytes:
    held = io.BytesIO()
    torch.save(value, held)
    return held.getvalue()


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache/weights/toy").iterdir()}


@torch.no_grad()
@pytest.mark.parametrize("form", ["safetensors", "torch", "keras"])
def test_every_format_becomes_the_same_network(publish: Callable[..., Shelf], tmp_path: Path, form: str) -> None:
    model = network()
    publish(content(form, model), form=form)
    result = get_weights("toy")
    assert result["keys"]["missing"] == 0 and result["keys"]["mapped"] > 30
    assert files(tmp_path) == {"published.safetensors", "published.json", "source.json", "targets_human.txt"}
    found = resolve_model("toy")
    assert isinstance(found, OwnModel) and found.target.names == tuple("abcde")
    assert (found.length, found.bin, found.strand_pair) == (1024, 4, (1, 0, 2, 4, 3))
    x = torch.rand(1, 4, 1024)
    assert torch.equal(found.network(x), model(x))
    assert torch.allclose(found.callable()(x), model(x).mean(dim=1))
    assert {row["ok"] for row in check_weights("toy")} == {True}


def test_the_command_line_from_a_broken_download_to_a_prediction(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = publish(content("safetensors", network()))
    (tmp_path / "x.fa").write_text(">x\n" + "ACGT" * 256 + "\n>y\n" + "GATTACA" * 100 + "\n")
    assert done("weights", "list", "--json").json[0]["here"] is False
    refused = call("predict", "toy", tmp_path / "x.fa")
    assert refused.code == 4 and "chiasma weights get toy" in refused.err and "licence: CC0" in refused.err
    shelf.breaks["toy"] = [0, 0, 0]
    broken = call("weights", "get", "toy")
    assert broken.code == 3 and "cannot be downloaded" in broken.err and "same command again" in broken.err
    answer = done("weights", "get", "toy")
    assert answer.err.index("licence: CC0") < answer.err.index(shelf.url) and "0 missing" in answer.err
    assert "5 tracks" in answer.err and answer.out.strip().endswith("weights/toy")
    asked = len(shelf.asked)
    assert done("weights", "get", "toy", "--json").json["how"] == "already here" and len(shelf.asked) == asked
    assert "ok" in done("weights", "check", "toy").out and "yes" in done("weights").out
    answer = done("predict", "toy", tmp_path / "x.fa", "--json")
    assert "mean over bins of 4 bases" in answer.err and "1 sequences shorter than 1024" in answer.err
    assert [row["id"] for row in answer.json] == ["x", "y"] and "yhat_e" in answer.json[0]


@pytest.mark.slow
def test_explanation_by_name(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    publish(content("safetensors", network()))
    get_weights("toy")
    words = ("--target", "b", "--examples", 10, "--seconds", 2, "-o", tmp_path / "why")
    done("explain", "toy", _fasta(tmp_path), *words)
    assert json.loads((tmp_path / "why/notes.json").read_text())


def test_a_region_of_a_window_by_mutagenesis(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    publish(content("safetensors", network()))
    get_weights("toy")
    words = ("--method", "ism", "--target", "b", "--examples", 1, "--seconds", 1, "-o", tmp_path / "why")
    done("explain", "toy", _fasta(tmp_path), *words, "--region", "500:502")
    with np.load(tmp_path / "why/attributions.npz") as found:
        codes, scores = found["codes"], found["scores"]
    assert codes.shape == scores.shape == (1, 2) and (scores != 0).all()
    sequence = read_fasta(_fasta(tmp_path)).padded(1024)[:1]
    np.testing.assert_array_equal(codes, sequence[:, 500:502])
    notes = json.loads((tmp_path / "why/notes.json").read_text())
    assert notes["region"] == [500, 502] and notes["method"] == "ism"
    for region, words in (("5", "not a region"), ("1000:1030", "within 0:1024")):
        answer = call("explain", "toy", _fasta(tmp_path), "--region", region, "-o", tmp_path / "no")
        assert answer.code == 2 and words in answer.err and "do:" in answer.err
    answer = call("explain", "toy", _fasta(tmp_path), "--examples", 0, "-o", tmp_path / "no")
    assert answer.code == 2 and "explain_examples" in answer.err and "pydantic" not in answer.err


def test_variants_by_name(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    publish(content("safetensors", network()))
    get_weights("toy")
    _scored(tmp_path)
    assert "CHIASMA_STATUS=SCORED" in (tmp_path / "o.vcf").read_text()


def _scored(folder: Path) -> tuple[Any, ...]:
    """Score one allele by `toy`; the words of the command."""
    (folder / "g.fa").write_text(">c\n" + "ACGTTGCA" * 300 + "\n")
    vcf = "##fileformat=VCFv4.2\n##contig=<ID=c,length=2400>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "v.vcf").write_text(vcf + "c\t1201\tv\tA\tG\t.\t.\t.\n")
    words = ("--fasta", folder / "g.fa", "-o", folder / "o.vcf", "--target", "a", "--logos", 0)
    done("variants", "toy", folder / "v.vcf", *words)
    return ("variants", "toy", folder / "v.vcf", *words)


def test_a_file_left_by_a_failed_conversion_is_held_to_its_digest(
    publish: Callable[..., Shelf], tmp_path: Path
) -> None:
    held = tensors(network())
    bad = save({**held, "other.weight": torch.zeros(2)})
    shelf = publish(bad)
    with pytest.raises(MismatchError, match=r"other\.weight"):
        get_weights("toy")
    raw, record = tmp_path / "cache/weights/toy/download/file", tmp_path / "cache/weights/toy/source.json"
    assert raw.read_bytes() == bad
    raw.write_bytes(content("safetensors", network(2)))  # would convert, and is not what was published
    asked = len(shelf.asked)
    with pytest.raises(MismatchError, match=r"other\.weight"):
        get_weights("toy")
    assert len(shelf.asked) == asked + 1 and raw.read_bytes() == bad
    assert json.loads(record.read_text())["sha256"] == hashlib.sha256(bad).hexdigest()
    with pytest.raises(MismatchError, match=r"other\.weight"):
        get_weights("toy")
    assert len(shelf.asked) == asked + 1  # the file as it was published serves again


def test_track_tables_are_held_to_their_digest(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = publish(content("safetensors", network()))
    first = get_weights("toy")
    assert first["tables"]["human"]["sha256"] == hashlib.sha256(TABLE.encode()).hexdigest()
    other = TABLE.replace("\ta\t", "\tz\t")
    shelf.files["targets"] = other.encode()
    with pytest.raises(MismatchError, match="track table of human has changed at its address") as caught:
        get_weights("toy", again=True)
    assert "source.json" in str(caught.value) and resolve_model("toy").target.names == tuple("abcde")
    del shelf.files["targets"]
    assert "the one that is here stays" in done("weights", "get", "toy", "--again").err
    (tmp_path / "cache/weights/toy/targets_human.txt").write_text(other)
    found = {row["check"]: row["ok"] for row in check_weights("toy")}
    assert found["human: track table"] is False and found["converted file"] is True


def test_other_weights_of_the_same_name_are_other_work(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = publish(content("safetensors", network()))
    get_weights("toy")
    first = [model_identity(name) for name in ("toy", "toy:human")]
    assert first == [model_identity(name) for name in ("toy", "toy:human")] and first[0] != first[1]
    out = _scored(tmp_path)
    assert "(done before)" in done(*out).out
    shelf.files["toy"] = content("safetensors", network(2))
    (tmp_path / "cache/weights/toy/source.json").unlink()
    get_weights("toy", again=True)
    assert not set(first) & {model_identity(name) for name in ("toy", "toy:human")}
    refused = call(*out)
    assert refused.code == 2 and "of other inputs or settings" in refused.err


def test_another_file_than_at_the_first_fetch_is_refused(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = publish(content("safetensors", network()))
    first = get_weights("toy")
    shelf.files["toy"] = content("safetensors", network(2))
    with pytest.raises(MismatchError, match="toy has changed at its address") as caught:
        get_weights("toy", again=True)
    assert first["sha256"] in str(caught.value) and "source.json" in str(caught.value)
    assert get_weights("toy")["converted_sha256"] == first["converted_sha256"]
    (tmp_path / "cache/weights/toy/source.json").unlink()
    assert get_weights("toy", again=True)["sha256"] != first["sha256"]


def test_the_hosts_own_digest_is_recorded_and_held_against_it(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    """The digest is recorded with the first answer, even if the download breaks off."""
    shelf = publish(content("safetensors", network()))
    digests = [hashlib.sha256(content("safetensors", network(seed))).hexdigest() for seed in (1, 2)]
    shelf.headers["toy"] = {"X-Linked-ETag": f'"{digests[0]}"'}
    shelf.breaks["toy"] = [0, 0, 0]
    assert call("weights", "get", "toy").code == 3
    record = json.loads((tmp_path / "cache/weights/toy/source.json").read_text())
    assert record["published"] == {"sha256": digests[0]} and "sha256" not in record
    shelf.files["toy"], shelf.headers["toy"] = content("safetensors", network(2)), {"X-Linked-ETag": f'"{digests[1]}"'}
    with pytest.raises(MismatchError, match="has changed"):
        get_weights("toy")
    shelf.files["toy"], shelf.headers["toy"] = content("safetensors", network()), {"X-Linked-ETag": f'"{digests[0]}"'}
    assert get_weights("toy")["sha256"] == digests[0]


def test_a_digest_in_the_catalogue_comes_first(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    publish(content("safetensors", network()), more={"sha256": "0" * 64})
    with pytest.raises(MismatchError, match="has changed"):
        get_weights("toy")
    assert files(tmp_path) == {"source.json", "download"}


def test_licences_against_commercial_use_ask_for_a_flag(publish: Callable[..., Shelf]) -> None:
    more = {"licence": "CC-BY-NC-4.0", "non_commercial": True}
    shelf = publish(content("safetensors", network()), more=more)
    answer = call("weights", "get", "toy")
    assert answer.code == 2 and "--accept-licence" in answer.err and "CC-BY-NC-4.0" in answer.err and not shelf.asked
    assert "commercial" not in done("weights", "get", "toy", "--accept-licence").err


def test_nothing_in_a_file_is_run(tmp_path: Path, publish: Callable[..., Shelf]) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    publish(pickled({"x": Evil()}), form="torch")
    with pytest.raises(FormatError, match="never run"):
        get_weights("toy")
    assert not mark.exists()
    with pytest.raises(NotTrainedError):
        resolve_model("toy")
    for form, text in (("safetensors", "not a safetensors file"), ("torch", "never run")):
        (tmp_path / "x").write_bytes(b"<html>busy</html>")
        with pytest.raises(FormatError, match=text):
            read_published(tmp_path / "x", form)
    torch.save([torch.zeros(1)], tmp_path / "x")
    with pytest.raises(FormatError, match="not tensors by name"):
        read_published(tmp_path / "x", "torch")


def test_foreign_and_missing_keys_are_named(publish: Callable[..., Shelf], tmp_path: Path) -> None:
    held = tensors(network())
    publish(save({**held, "other.weight": torch.zeros(2)}))
    with pytest.raises(MismatchError, match=r"other\.weight"):
        get_weights("toy")
    publish(save({name: value for name, value in held.items() if name != "human_head.weight"}))
    (tmp_path / "cache/weights/toy/source.json").unlink()
    with pytest.raises(MismatchError, match=r"heads\.layers\.human\.weight"):
        get_weights("toy", again=True)


def test_without_a_usable_table_tracks_are_numbered(
    publish: Callable[..., Shelf], capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = publish(content("safetensors", network()))
    del shelf.files["targets"]
    get_weights("toy")
    assert "track table of human" in capsys.readouterr().err
    assert resolve_model("toy").target.names == tuple(f"track{number}" for number in range(1, 6))
    shelf.files["targets"] = TABLE.encode().rsplit(b"\n", 2)[0] + b"\n"
    get_weights("toy", again=True)
    assert "tracks are numbered" in capsys.readouterr().err
    found = {row["check"]: row for row in check_weights("toy")}
    assert found["human: track table"]["ok"] is None and found["human: shape"]["ok"]


def test_check_sees_what_is_wrong(
    publish: Callable[..., Shelf], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHIASMA_DATA", raising=False)
    golden = '[toy.golden]\nmean = 7.0\ndataset = "mini-borzoi"\nfolder = "x"\npearson = 0.5\ntolerance = 0.1\n'
    publish(content("safetensors", network()), lines=golden)
    get_weights("toy")
    found = {row["check"]: row["ok"] for row in check_weights("toy")}
    assert found["human: golden mean"] is False and found["human: mean Pearson on mini-borzoi, test"] is None
    path = tmp_path / "cache/weights/toy/published.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\x80\x7f")  # the last weight is now infinite
    answer = call("weights", "check", "toy", "--json")
    wrong = {row["check"] for row in answer.json if row["ok"] is False}
    assert answer.code == 4 and wrong == {"converted file", "human: finite"}
    path.write_bytes(b"cut")
    assert call("weights", "check", "toy").code == 3


def test_names_and_heads(publish: Callable[..., Shelf], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(content("safetensors", network()))
    with pytest.raises(UsageError, match=r"did you mean 'toy'\? \(all: chiasma weights list\)"):
        get_weights("toi")
    with pytest.raises(NotTrainedError, match="weights get toy"):
        check_weights("toy")
    get_weights("toy")
    assert resolve_model("toy:human").target.names == tuple("abcde")
    with pytest.raises(UsageError, match="head of toy"):
        resolve_model("toy:mouse")
    columns, _ = predict("toy", {"input": _fasta(tmp_path)})
    assert columns["yhat_a"].shape == (1,)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy").mkdir()
    assert call("predict", "toy", tmp_path / "x.fa").code == 3  # a folder of that name is meant


def _fasta(folder: Path) -> Path:
    (folder / "x.fa").write_text(">x\n" + "ACGT" * 256 + "\n")
    return folder / "x.fa"


def test_the_catalogue_is_complete() -> None:
    entries = {entry.name: entry for entry in list_weights()}
    assert {"enformer-pytorch", "borzoi-replicate-0", "borzoi-replicate-3", "flashzoi-replicate-2"} <= set(entries)
    for entry in entries.values():
        assert entry.url.startswith("https://") and "{}" not in entry.url and "{}" not in entry.source
        config = entry.config()
        assert set(entry.tables) == set(config.tracks) and entry.module("weights").convert
    alike = {(entry.preset, str(entry.settings)): entry for entry in entries.values() if entry.name != "mini-borzoi"}
    for entry in alike.values():  # weights of 4 bytes make up the file
        with torch.device("meta"):
            count = sum(value.numel() for value in entry.module("model").build(entry.config()).parameters())
        assert abs(4e-6 * count / entry.megabytes - 1) < 0.01, entry.name
    assert entries["mini-borzoi"].config() == mini()


def test_the_fixed_sequence_is_fixed() -> None:
    assert "".join("ACGT"[code] for code in fixed_sequence(12)) == "ACACGGTTGCGT"


@pytest.mark.realdata
def test_calicos_checkpoint_goes_the_whole_way(
    data_dir: Path, tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetched in three pieces, 102 keys, mean Pearson 0.4085 on the held-out windows, and used by its name."""
    pytest.importorskip("h5py")
    folder = data_dir / "sequence/mini_borzoi"
    shelf.files |= {"model.h5": (folder / "eval/model.h5").read_bytes()}
    shelf.files |= {"targets.txt": (folder / "tiny/hg38/targets.txt").read_bytes()}
    real = Path(catalogue.CATALOGUES) / "regulation/borzoi/weights.toml"
    text = real.read_text().partition('["borzoi-replicate')[0]
    for line in [line for line in text.splitlines() if "https://" in line]:
        text = text.replace(line, f'{line.split(" =")[0]} = "{shelf.url}/{line.rsplit("/", 1)[1]}')
    entries = tmp_path / "catalogue/regulation/borzoi"
    entries.mkdir(parents=True)
    (entries / "weights.toml").write_text(text)
    monkeypatch.setattr(catalogue, "CATALOGUES", tmp_path / "catalogue")
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CHIASMA_DATA", str(data_dir))
    shelf.breaks["model.h5"] = [1_000_000, 0, 0, 0, 500_000]
    assert "bytes are kept" in call("weights", "get", "mini-borzoi").err
    assert done("weights", "get", "mini-borzoi", "--json").json["keys"]["mapped"] == 102
    starts = [asked for path, asked in shelf.asked if path == "model.h5"]
    assert starts[0] is None and all(starts[1:]) and starts[-1] > "bytes=1"
    found = {row["check"]: row for row in done("weights", "check", "mini-borzoi", "--json").json}
    assert all(row["ok"] for row in found.values())
    assert found["human: mean Pearson on mini-borzoi, test"]["got"] == "0.4085"
    (tmp_path / "w.bed").write_text("chr1\t200000\t331072\n")
    genome = data_dir / "sequence/genomes/hg38_1m.fa.gz"
    row = done("predict", "mini-borzoi", tmp_path / "w.bed", "--fasta", genome, "--json").json[0]
    assert len(row) > 74 and row["yhat_CNhs10752+"] > 0
    vcf = (folder / "snp/eqtl.vcf").read_text().splitlines()[:2]
    (tmp_path / "v.vcf").write_text("\n".join(vcf) + "\n")
    words = ("--fasta", genome, "--target", "CNhs10752+", "--logos", 0, "-o", tmp_path / "o.vcf")
    done("variants", "mini-borzoi", tmp_path / "v.vcf", *words)
    assert "CHIASMA_STATUS=SCORED" in (tmp_path / "o.vcf").read_text()
