from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import torch

from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError
from chiasma.methods.regulation.enformer.config import Config, default, tiny
from chiasma.methods.regulation.enformer.model import Enformer, build
from chiasma.methods.regulation.enformer.weights import convert, sonnet
from chiasma.nn.published import shapes_of
from chiasma.nn.relative_attention import RelativeAttention


def sequence(length: int, *, batch: int = 1, seed: int = 1) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 4, (batch, length), generator=draw)
    return torch.nn.functional.one_hot(codes, 4).float().transpose(1, 2)


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


def small() -> Enformer:
    torch.manual_seed(1)
    model = build(tiny()).eval()
    scramble(model)
    assert isinstance(model, Enformer)
    return model


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference in standard deviations of the output."""
    return float((ours - theirs).abs().max() / theirs.std())


def test_published_size() -> None:
    with torch.device("meta"):
        model = build(default())
    assert sum(value.numel() for value in model.parameters()) == 251_221_292
    parts = {"tower": 1_228_800 + 49_649_152, "blocks": 174_242_816, "final": 4_724_736, "heads": 21_375_788}
    for name, count in parts.items():
        assert sum(value.numel() for value in getattr(model, name).parameters()) == count, name
    assert default().bin == 128 and default().length // 128 - 2 * default().crop == 896
    assert default().filters == (768, 896, 1024, 1152, 1280, 1536)


@torch.no_grad()
def test_shapes_and_heads() -> None:
    model = small()
    x = sequence(1024, batch=2)
    assert model(x).shape == (2, 56, 5) and model(x, "mouse").shape == (2, 56, 3)
    assert model.trunk(x).shape == (2, 32, 56) and (model(x) > 0).all()
    assert build(tiny(), 7)(x).shape == (2, 56, 7)
    assert model(sequence(512)).shape == (1, 24, 5), "any length, in whole bins"
    with pytest.raises(UsageError, match="unknown head"):
        model(x, "rat")
    with pytest.raises(InputError, match="a multiple of 16 above 128, such as 1,024"):
        model(sequence(1000))


@torch.no_grad()
def test_segments_do_not_change_the_answer() -> None:
    model, x = small(), sequence(1024, batch=2)
    assert model.config.segment == 256
    whole = Enformer(model.config.replace(segment=0), model.config.tracks).eval()
    whole.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(x), whole(x), atol=1e-5, rtol=1e-5)
    with torch.enable_grad():
        torch.testing.assert_close(model(x), whole(x).detach(), atol=1e-5, rtol=1e-5)


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
    half = Enformer(model.config.replace(trunk_precision="bf16"), model.config.tracks).eval()
    half.load_state_dict(model.state_dict())
    assert half(x).dtype == torch.float32
    assert 0 < relative(half(x), model(x)) < 0.2


def test_a_bin_sees_what_is_far() -> None:
    model = small()
    x = sequence(1024).requires_grad_(True)
    model(x)[0, 28, 0].backward()
    assert x.grad is not None and (x.grad.abs().sum(dim=1)[0] > 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 1000}, "length must be a multiple of the bin"),
        ({"crop": 800}, "crop leaves nothing of 1536 bins"),
        ({"position_features": 100}, "multiple of 6"),
        ({"channels": 100}, "multiple of twice attention_heads"),
        ({"stem_width": 14}, "must be odd"),
        ({"segment": 100}, "segment must be a multiple"),
    ],
)
def test_shapes_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config.parse(settings)


def tensorflow_variables(model: Enformer) -> list[tuple[str, np.ndarray]]:
    """What TensorFlow would list: its own axes, names that repeat, running averages of three variables."""
    state, pairs = model.state_dict(), []
    for name, (target, axes) in sonnet(model.config, shapes_of(model)).places.items():
        value = state[target].numpy()
        if name.endswith("softmax_pooling/linear/w"):
            value = value[:, :, 0].T
        elif axes is not None:
            value = value.transpose(np.argsort(axes))
        if "/batch_norm/moving" in name:
            value = value.reshape(1, 1, -1)
            pairs += [
                (name.replace("average", "hidden") + ":0", value),
                (name.replace("average", "counter") + ":0", value),
            ]
        for dense in ("project_in", "project_out"):
            name = name.replace(dense, "linear")
        pairs.append((name + ":0", value))
    return pairs


def test_deepminds_variables_come_back() -> None:
    model = small()
    pairs = tensorflow_variables(model)
    assert len({name for name, _ in pairs}) < len(pairs), "both dense layers of an mlp have one name"
    state, report = convert(pairs, model.config)
    report.require_complete()
    assert len(report.dropped) == 4 * 8 and report.duplicates == {}
    for name, value in model.state_dict().items():
        assert name.endswith("num_batches_tracked") or torch.equal(state[name], value), name


def test_foreign_and_missing_keys_are_named() -> None:
    model = small()
    pairs = tensorflow_variables(model)
    with pytest.raises(MismatchError, match="head_rat"):
        convert([*pairs, ("enformer/heads/head_rat/head_rat/linear/w:0", np.zeros(2))], model.config)
    _, report = convert([pair for pair in pairs if "head_mouse" not in pair[0]], model.config)
    assert report.missing == ("heads.layers.mouse.weight", "heads.layers.mouse.bias")
    with pytest.raises(MismatchError, match=r"heads\.layers\.mouse\.weight"):
        report.require_complete()
    with pytest.raises(FormatError, match="not a checkpoint of this method"):
        convert({"encoder.weight": np.zeros(2)}, model.config)
    with pytest.raises(MismatchError, match="another shape"):
        convert(pairs, model.config.replace(channels=32, divisible_by=8))


def peer(**settings: object) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modelling = pytest.importorskip("enformer_pytorch.modeling_enformer")
        torch.manual_seed(3)
        model = modelling.Enformer.from_hparams(**settings).eval()
    scramble(model)
    return model


@pytest.mark.oracle
@torch.no_grad()
def test_equals_enformer_pytorch_at_full_length() -> None:
    """Few channels, 196,608 bases, with the released gamma table: the same weights give the same tracks."""
    sizes = {"heads": 1, "attn_dim_key": 16, "dim_divisible_by": 4, "depth": 2}
    theirs = peer(dim=192, output_heads={"human": 5, "mouse": 3}, use_tf_gamma=True, target_length=896, **sizes)
    config = Config(channels=192, divisible_by=4, layers=2, attention_heads=1, key=16, tracks={"human": 5, "mouse": 3})
    state, report = convert(theirs.state_dict(), config)
    report.require_complete()
    assert len(report.duplicates) > 100 and all(name.startswith("_trunk.") for name in report.duplicates)
    ours = build(config).eval()
    ours.load_state_dict(state)
    x = sequence(196_608)
    expected = theirs(x.transpose(1, 2))
    for head in ("human", "mouse"):
        found = ours(x, head)
        assert found.shape == expected[head].shape and relative(found, expected[head]) < 1e-4


@pytest.mark.oracle
@pytest.mark.slow
@torch.no_grad()
def test_equals_enformer_pytorch_at_full_size() -> None:
    """251 million parameters, 196,608 bases; about 4 GiB and two minutes of CPU."""
    theirs, x = peer(use_tf_gamma=True), sequence(196_608)
    expected = theirs(x.transpose(1, 2))["human"]
    with torch.device("meta"):
        ours = build(default()).eval()
    state, _ = convert(theirs.state_dict(), default())
    ours.load_state_dict(state, assign=True)
    del theirs
    assert relative(ours(x), expected) < 1e-4


@torch.no_grad()
def test_the_ports_gamma_defect_is_absent() -> None:
    """Normalised over features, as the port does without its table, every density would be 1 at distance 0."""
    model = small()
    layer = model.blocks[0].attention
    assert isinstance(layer, RelativeAttention) and isinstance(layer.basis, partial)
    basis = layer.basis(64)
    assert (basis[63, 4:6] < 1e-2).all()
