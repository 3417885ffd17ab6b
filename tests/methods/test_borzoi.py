from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError
from chiasma.data.tracks import Tracks
from chiasma.io.basenji_folder import read_basenji_folder
from chiasma.methods.regulation.borzoi.config import Config, default, flashzoi, human_mouse, mini, tiny
from chiasma.methods.regulation.borzoi.model import Borzoi, build
from chiasma.methods.regulation.borzoi.weights import borzoi_pytorch, convert, keras
from chiasma.metrics.tracks import pearson_by_track
from chiasma.nn.onehot import one_hot
from chiasma.nn.published import shapes_of


def sequence(length: int, *, batch: int = 1) -> torch.Tensor:
    codes = torch.randint(0, 4, (batch, length), generator=torch.Generator().manual_seed(1))
    return one_hot(codes.to(torch.uint8))


def scramble(model: torch.nn.Module) -> None:
    """Move what a fresh network leaves at 0 or 1."""
    draw = torch.Generator().manual_seed(2)
    for name, value in sorted(model.state_dict().items()):
        if name.endswith("running_mean"):
            value.normal_(0, 0.2, generator=draw)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=draw)
        elif name.endswith(("to_out.weight", "attention.output.weight")):
            value.normal_(0, 0.1, generator=draw)


def small(config: Config | None = None) -> Borzoi:
    torch.manual_seed(1)
    model = build(config or tiny()).eval()
    scramble(model)
    assert isinstance(model, Borzoi)
    return model


@pytest.mark.parametrize(
    ("config", "count"),
    [(default(), 185_892_699), (human_mouse(), 190_902_667), (flashzoi(), 192_069_467), (mini(), 640_882)],
    ids=["human", "human-mouse", "flashzoi", "mini"],
)
def test_published_sizes(config: Config, count: int) -> None:
    """Flashzoi: 8 layers with 1536 x 3072 + 3072 instead of 1536 x 2560 + 32 x 512 + 1024 weights."""
    with torch.device("meta"):
        model = build(config)
    assert sum(value.numel() for value in model.parameters()) == count
    if config == flashzoi():
        assert count - 185_892_699 == 8 * (1536 * 3072 + 3072 - 1536 * 2560 - 32 * 512 - 1024)


def test_published_geometry() -> None:
    assert default().filters == (608, 736, 896, 1056, 1280, 1536) and mini().filters == (80, 88, 96, 104, 120, 128)
    assert default().bin == 32 and default().token == 128
    assert default().length // 32 - 2 * default().crop == 6144


@torch.no_grad()
@pytest.mark.parametrize("attention", ["relative", "rotary"])
def test_shapes(attention: str) -> None:
    model = small(tiny().replace(attention=attention, tracks={"human": 5, "mouse": 2}))
    x = sequence(1024, batch=2)
    assert model(x).shape == (2, 240, 5) and model(x, "mouse").shape == (2, 240, 2)
    assert model.trunk(x).shape == (2, 16, 240) and (model(x) > 0).all()
    assert build(tiny(), 7)(x).shape == (2, 240, 7)
    with pytest.raises(InputError, match="a multiple of 16 above 64"):
        model(sequence(1000))


@torch.no_grad()
def test_segments_do_not_change_the_answer() -> None:
    model, x = small(), sequence(1024, batch=2)
    whole = Borzoi(model.config.replace(segment=0), model.config.tracks).eval()
    whole.load_state_dict(model.state_dict())
    assert model.config.segment == 256
    torch.testing.assert_close(model(x), whole(x), atol=1e-5, rtol=1e-5)
    with torch.enable_grad():
        torch.testing.assert_close(model(x).detach(), whole(x), atol=1e-5, rtol=1e-5)


def test_recomputing_activations_changes_nothing_but_memory() -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(1)
        model = build(tiny().replace(checkpointing=checkpointing)).train()
        torch.manual_seed(2)
        model(sequence(1024, batch=2)).sum().backward()
        gradients.append({name: value.grad for name, value in model.named_parameters() if value.grad is not None})
        gradients[-1] |= {name: value for name, value in model.named_buffers() if value.is_floating_point()}
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) > 30
    for name, value in gradients[0].items():
        torch.testing.assert_close(value, gradients[1][name], msg=name)


@torch.no_grad()
def test_trunk_in_half_precision_with_a_head_in_single() -> None:
    model, x = small(), sequence(1024)
    half = Borzoi(model.config.replace(trunk_precision="bf16"), model.config.tracks).eval()
    half.load_state_dict(model.state_dict())
    assert half(x).dtype == torch.float32
    assert 0 < float((half(x) - model(x)).abs().max() / model(x).std()) < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 1000}, "must be multiples of the token"),
        ({"crop": 8192}, "crop leaves nothing of 16384 bins"),
        ({"upsampling": 7}, "must not exceed tower"),
        ({"attention": "rotary", "rotated": 200}, "must not exceed the 192 channels"),
    ],
)
def test_shapes_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config.parse(settings)


@pytest.mark.parametrize("final", [16, None])
def test_keras_variables_come_back_whatever_their_numbers(final: int | None) -> None:
    model = small(tiny().replace(final_channels=final))
    state, pairs = model.state_dict(), []
    for name, (target, axes) in keras(model.config, shapes_of(model)).places.items():
        value = state[target].numpy()
        layer, rest = name.split("/", 1)
        kind, rank = layer.split("#")
        value = value if axes is None else value.transpose(np.argsort(axes))
        if kind == "dense" and rest == "kernel":
            value = value.reshape(value.shape[-2:])
        numbered = f"{kind}_{int(rank) + 30}"  # a process that had built other models before
        pairs.append((f"model_weights/{numbered}/{numbered}/{rest}:0", value))
    found, report = convert(pairs, model.config)
    report.require_complete()
    assert report.dropped == {} and report.format == "Calico's Keras file"
    for name, value in state.items():
        assert name.endswith("num_batches_tracked") or torch.equal(found[name], value), name


def test_flashzois_names() -> None:
    config = flashzoi().replace(layers=1)
    with torch.device("meta"):
        shapes = shapes_of(build(config))
    places = borzoi_pytorch(config, shapes).places
    assert places["transformer.0.0.fn.1.mha.Wqkv.weight"].target == "blocks.0.attention.projection.weight"
    assert {place.target for place in places.values()} == set(shapes)


def test_the_other_species_head_is_foreign() -> None:
    model = small(tiny().replace(tracks={"human": 5, "mouse": 2}))
    layout = borzoi_pytorch(model.config, shapes_of(model))
    pairs = {name: model.state_dict()[place.target] for name, place in layout.places.items()}
    _, report = convert(pairs, model.config)
    assert report.missing == ()
    with pytest.raises(MismatchError, match=r"mouse_head\.weight"):
        convert(pairs, tiny())
    with pytest.raises(FormatError, match="not a checkpoint of this method"):
        convert({"encoder.weight": np.zeros(2)}, tiny())


@pytest.mark.oracle
@torch.no_grad()
@pytest.mark.parametrize(("length", "crop", "layers"), [(4096, 32, 1)])
def test_equals_borzoi_pytorch(length: int, crop: int, layers: int) -> None:
    check_parity(length, crop=crop, layers=layers)


@pytest.mark.oracle
@pytest.mark.slow
@torch.no_grad()
def test_equals_borzoi_pytorch_at_full_depth() -> None:
    """191 million parameters, 131,072 bases: a quarter of the full length, about 4 GiB."""
    check_parity(131_072, crop=512, layers=8)


def check_parity(length: int, *, crop: int, layers: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("borzoi_pytorch.pytorch_borzoi_model")
        torch.manual_seed(3)
        settings = package.BorzoiConfig(depth=layers, enable_mouse_head=True, bins_to_return=length // 32 - 2 * crop)
        theirs = package.Borzoi(settings).eval()
    scramble(theirs)
    config = human_mouse().replace(layers=layers, crop=crop)
    state, report = convert(theirs.state_dict(), config)
    report.require_complete()
    with torch.device("meta"):
        ours = build(config).eval()
    ours.load_state_dict(state, assign=True)
    x = sequence(length)
    for head in ("human", "mouse"):
        expected = theirs(x, is_human=head == "human").transpose(1, 2)
        assert float((ours(x, head) - expected).abs().max() / expected.std()) < 1e-4


@pytest.mark.realdata
@torch.no_grad()
def test_calicos_trained_model_on_its_held_out_windows(data_dir: Path) -> None:
    """Mean Pearson 0.4085 over 74 tracks; DNase 0.819, CAGE 0.329, RNA 0.365."""
    pytest.importorskip("h5py")
    from chiasma.io.keras_weights import read_keras_weights

    folder = data_dir / "sequence/mini_borzoi"
    state, report = convert(read_keras_weights(folder / "eval/model.h5"), mini(), where="model.h5")
    report.require_complete()
    assert len(report.mapped) == 102 and report.dropped == {} and report.duplicates == {}
    model = build(mini()).eval()
    model.load_state_dict(state)
    data = read_basenji_folder(folder / "tiny/hg38", parts=["test"], squash="new")
    assert isinstance(data.x, Tracks)
    codes = torch.from_numpy(data.x.codes)
    windows = range(len(data))
    found = pearson_by_track(
        (data.target.values[row : row + 1], model(one_hot(codes[row : row + 1])).numpy()) for row in windows
    )
    means = {name: float(found[data.x.table.assay == name].mean()) for name in ("DNASE", "CAGE", "RNA")}
    assert means == pytest.approx({"DNASE": 0.819, "CAGE": 0.329, "RNA": 0.365}, abs=1e-3)
    assert float(found.mean()) == pytest.approx(0.4085, abs=5e-4)
