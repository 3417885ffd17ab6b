from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from chiasma.core.errors import InputError, UsageError
from chiasma.nn.initialise import initialise_layer
from chiasma.nn.preactivation import Gelu, PreActivatedConv, gelu
from chiasma.nn.segments import in_segments
from chiasma.nn.track_heads import TrackHeads
from chiasma.nn.track_trunk import margin, require_length, run_block
from chiasma.nn.unet import UpsampleJoin


def scrambled(layer: PreActivatedConv) -> PreActivatedConv:
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    layer.norm.running_mean.normal_()  # type: ignore[union-attr]
    layer.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return layer


@pytest.mark.parametrize("kind", ["sigmoid", "tanh"])
def test_without_gradient_the_answer_is_the_same(kind: Gelu) -> None:
    torch.manual_seed(1)
    layer = scrambled(PreActivatedConv(3, 4, width=5, kind=kind)).eval()
    x = torch.randn(2, 3, 11)
    before = x.clone()
    with torch.no_grad():
        fast = layer(x)
    torch.testing.assert_close(fast, layer(x).detach())
    assert torch.equal(x, before), "the input is not overwritten"


def test_gelu_formulas() -> None:
    x = torch.linspace(-4, 4, 9)
    torch.testing.assert_close(gelu(x, "sigmoid"), x * torch.sigmoid(1.702 * x))
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)
    torch.testing.assert_close(gelu(x, "tanh"), 0.5 * x * (1 + inner.tanh()))


def local_net() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv1d(2, 3, 7, padding=3), nn.MaxPool1d(2), nn.Conv1d(3, 3, 5, padding=2), nn.MaxPool1d(2)
    ).eval()


@torch.no_grad()
@settings(max_examples=12, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6))
def test_segments_give_what_one_piece_gives(bins: int, bins_in_segment: int) -> None:
    net = local_net()
    reach = margin(stem_width=7, tower_width=5, tower=1)
    assert reach == 8 and reach % 4 == 0

    def both(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return net[:2](x), net(x)

    x = torch.randn(2, 2, 4 * bins, generator=torch.Generator().manual_seed(bins))
    for piece, whole in zip(in_segments(both, x, length=4 * bins_in_segment, margin=reach), both(x), strict=True):
        torch.testing.assert_close(piece, whole)


def test_recomputing_changes_neither_gradients_nor_running_statistics() -> None:
    def once(*, recompute: bool) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        torch.manual_seed(1)
        layer = PreActivatedConv(3, 3)
        x = torch.randn(4, 3, 8, requires_grad=True)
        run_block(layer, x, recompute=recompute).square().sum().backward()
        assert x.grad is not None
        return [x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)], layer.state_dict()

    (plain, plain_state), (again, again_state) = once(recompute=False), once(recompute=True)
    for one, two in zip(plain, again, strict=True):
        torch.testing.assert_close(one, two)
    assert plain_state.keys() == again_state.keys()
    for name, value in plain_state.items():
        assert torch.equal(value, again_state[name]), name


@torch.no_grad()
def test_join_spreads_adds_and_smooths() -> None:
    torch.manual_seed(1)
    join = UpsampleJoin(4, 3).eval()
    coarse, fine = torch.randn(1, 4, 5), torch.randn(1, 3, 10)
    left = nn.functional.interpolate(join.coarse(coarse), scale_factor=2, mode="nearest")
    added = left + join.fine(fine)
    padded = nn.functional.pad(added, (1, 1))
    smooth = torch.stack([(padded[0, c].unfold(0, 3, 1) * join.depthwise.weight[c, 0]).sum(1) for c in range(4)])
    expected = join.pointwise.weight[:, :, 0] @ smooth + join.pointwise.bias[:, None]  # type: ignore[index]
    torch.testing.assert_close(join(coarse, fine)[0], expected, atol=1e-6, rtol=1e-5)


def test_heads_stay_in_single_precision() -> None:
    torch.manual_seed(1)
    heads = TrackHeads(4, {"human": 3, "mouse": 2})
    features = torch.randn(2, 5, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = heads(features)
    assert found.dtype == torch.float32 and found.shape == (2, 5, 3)
    torch.testing.assert_close(found, nn.functional.softplus(heads.layers["human"](features.float())))
    assert heads(features, "mouse").shape == (2, 5, 2)
    with pytest.raises(UsageError, match="did you mean 'mouse'"):
        heads(features, "mose")


def test_links() -> None:
    head = TrackHeads(1, {"a": 1}, link="exp-linear")
    nn.init.ones_(head.layers["a"].weight)  # type: ignore[arg-type]
    found = head(torch.tensor([[[-2.0], [3.0]]]))
    torch.testing.assert_close(found[0, :, 0], torch.tensor([torch.e**-2.0, 4.0]))


def test_length_that_cannot_be_read_is_refused() -> None:
    require_length(256, step=128, cropped=128, usual=1024)
    for bases in (200, 128):
        with pytest.raises(InputError, match="multiple of 128 above 128, such as 1,024"):
            require_length(bases, step=128, cropped=128, usual=1024)


@pytest.mark.parametrize(("scale", "corrected", "expected"), [(2.0, True, 2.0), (1.0, True, 1.0), (1.0, False, 0.774)])
def test_initial_variance(scale: float, corrected: bool, expected: float) -> None:
    """Cut at two deviations, a normal has 0.774 of its variance."""
    torch.manual_seed(1)
    layer = nn.Conv1d(40, 400, 5)
    initialise_layer(layer, scale=scale, corrected=corrected)
    assert float(layer.weight.detach().var()) * 200 == pytest.approx(expected, rel=0.02)
    assert float(layer.weight.detach().abs().max()) <= 2 * (scale / 200) ** 0.5 / (0.8796 if corrected else 1)
