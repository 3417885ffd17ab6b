"""Fast mutagenesis against the model itself, on networks drawn at random and on the shapes that users write."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn
from torch.nn import functional

from chiasma.core.errors import RunError, UsageError
from chiasma.explain import mutagenesis
from chiasma.explain.exact_mutagenesis.trace import NotTraceableError, trace
from chiasma.explain.mutagenesis import all_substitutions, brute_force, in_silico_mutagenesis
from chiasma.explain.onehot import one_hot
from chiasma.nn.blocks import BinnedHead, MotifScanner, ResidualConv
from explain.models import Recurrent, Scanner, Transformer, cnn, random_codes


def sequences(n, length, seed=0):
    codes = random_codes(n, length, seed)
    codes[0, length // 3 : length // 3 + 2] = 4
    return codes


def assert_exact(model, codes, tolerance=1e-5, **more):
    """All effects of all outputs against every edited sequence through the model."""
    model.eval()
    with torch.no_grad():
        model(one_hot(codes))
    fast = all_substitutions(model, codes, method="windows", **more)
    slow = all_substitutions(model, codes, method="brute-force")
    np.testing.assert_allclose(fast.effects, slow.effects, atol=tolerance)
    np.testing.assert_allclose(fast.output, slow.output, atol=tolerance)
    assert np.abs(slow.effects).max() > 0
    assert fast.largest_error <= tolerance and fast.n_checked >= 16
    return fast


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class BothStrands(nn.Module):
    """Mean over a model on both strands; `profile` turns the other one's positions back."""

    def __init__(self, model, profile=False):
        super().__init__()
        self.model, self.profile = model, profile

    def forward(self, x):
        other = self.model(x.flip((1, 2)))
        return (self.model(x) + (other.flip(2) if self.profile else other)) / 2


class AttentionPool(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.logits = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x):
        x = x.view(*x.shape[:2], x.shape[2] // 2, 2)
        return (x * self.logits(x).softmax(-1)).sum(-1)


class Attending(nn.Module):
    """Convolutions and attention pooling, then attention over all positions, then a crop: as Enformer."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.pool = nn.Conv1d(4, 8, 15, padding=7), nn.BatchNorm1d(8), AttentionPool(8)
        self.inner, self.all, self.last = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x):
        h = self.norm(self.stem(x))
        h = self.pool(torch.sigmoid(1.702 * h) * h).transpose(1, 2)
        query, key, value = self.all(self.inner(h)).chunk(3, -1)
        h = h + functional.scaled_dot_product_attention(query, key, value)
        return functional.softplus(self.last(functional.pad(h, (0, 0, -2, -2))))


class Ladder(nn.Module):
    """Down and up again with joins at each resolution; grouped, depthwise and transposed convolutions; a crop."""

    def __init__(self):
        super().__init__()
        self.wide, self.each = nn.Conv1d(4, 8, 5, padding="same"), nn.Conv1d(8, 8, 3, padding=1, groups=8)
        self.some, self.deep = nn.Conv1d(8, 12, 3, padding=1, groups=4), nn.Conv1d(12, 8, 3, padding=2, dilation=2)
        self.join, self.up = nn.Conv1d(16, 6, 3, padding=1), nn.Upsample(scale_factor=2)
        self.back, self.last = nn.ConvTranspose1d(6, 5, 4, stride=2, padding=1), nn.Conv1d(9, 2, 1)

    def forward(self, x):
        half = functional.elu(self.some(self.each(functional.max_pool1d(functional.gelu(self.wide(x)), 2))))
        quarter = torch.tanh(self.deep(functional.avg_pool1d(half, 2)))
        h = functional.relu(self.join(torch.cat([self.up(quarter), half[:, :8]], 1)))
        return self.last(torch.cat([self.back(h), x], 1))[:, :, 5:-5]


class Profile(nn.Module):
    """Dilated residual convolutions, a cropped profile, and a mean over positions: as BPNet."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 8, 9, padding=4)
        self.dilated = nn.ModuleList([nn.Conv1d(8, 8, 3, padding=2**i, dilation=2**i) for i in (1, 2, 3)])
        self.profile, self.count = nn.Conv1d(8, 1, 11, padding=5), nn.Linear(8, 1)

    def forward(self, x):
        h = functional.relu(self.first(x))
        for layer in self.dilated:
            h = torch.add(h, functional.relu(layer(h)))
        return self.profile(h)[:, :, 20:-20], self.count(h[:, :, 10:-10].mean(2))


class Halves(nn.Module):
    """Even and odd positions apart, pooled by attention over the two: as our Enformer."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv1d(4, 8, 5, padding=2), nn.Conv1d(8, 2, 3)

    def forward(self, x):
        h = self.conv(x)
        even, odd = h[:, :, ::2], h[:, :, 1::2]
        share = torch.sigmoid(even - odd)
        return self.last(share * even + (1 - share) * odd)[:, :, 3::3]


class Placed(nn.Module):
    """Weights for each position, an in-place activation, an input used twice, a strided convolution, one position."""

    def __init__(self, length):
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 8, 5, padding=2), nn.Conv1d(8, 3, 7, stride=3, padding=1)
        self.scale, self.shift = nn.Parameter(torch.randn(1, 8, length)), nn.Parameter(torch.randn(1, 8, length))

    def forward(self, x):
        h = functional.relu(self.first(x) * self.scale + self.shift, inplace=True)
        h = self.second(h * h)
        return h[:, :, 2] + h.amax(-1) + h.max(-1)[0] + h.sum((1, 2))[:, None]


def binned():
    layers = MotifScanner(8, width=5, pool=4), ResidualConv(8, width=3, dilation=2), ResidualConv(8, width=3)
    return nn.Sequential(*layers, BinnedHead(8, 2, bins=4, hidden=5))


WRITTEN = {
    "sequential": (cnn, 50),
    "binned": (binned, 70),
    "attending": (Attending, 40),
    "ladder": (Ladder, 44),
    "profile": (Profile, 60),
    "halves": (Halves, 44),
    "placed": (lambda: Placed(40), 40),
    "scanner": (Scanner, 40),
    "strands": (lambda: BothStrands(binned()), 70),
    "strands, profile": (lambda: BothStrands(Ladder(), profile=True), 44),
    "last pool with a rest": (lambda: nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.ReLU(), nn.MaxPool1d(4, ceil_mode=True), nn.Flatten(), nn.ReLU(), nn.LazyLinear(2)), 31),
    "nothing but a dense layer": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(80, 3)), 20),
    "adaptive": (lambda: nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.SiLU(), nn.AvgPool1d(20, padding=3), nn.AdaptiveMaxPool1d(1), nn.Flatten()), 64),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_users_write(name):
    make, length = WRITTEN[name]
    torch.manual_seed(1)
    assert_exact(make(), sequences(2, length))


def network(draw):
    torch.manual_seed(draw(st.integers(0, 99)))
    channels, layers = 4, []
    for _ in range(draw(st.integers(1, 3))):
        width, dilation = draw(st.integers(1, 7)), draw(st.integers(1, 3))
        padding, wide = draw(st.sampled_from([0, width // 2, dilation * (width - 1)])), draw(st.sampled_from([3, 20]))
        stride = draw(st.sampled_from([1, 1, 1, 2]))
        layers.append(nn.Conv1d(channels, wide, width, stride=stride, padding=padding, dilation=dilation))
        channels = wide
        if draw(st.booleans()):
            layers.append(nn.BatchNorm1d(channels))
            layers[-1].running_mean.normal_()
        layers.append(draw(st.sampled_from([nn.ReLU(inplace=True), nn.ELU(), nn.GELU()])))
        if draw(st.booleans()):
            inner = nn.Conv1d(channels, channels, 3, padding=2, dilation=2)
            layers.append(Residual(inner, nn.Tanh(), nn.Dropout(0.2)))
        size, step = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        edge = draw(st.integers(0, size // 2))
        pool = draw(st.sampled_from([None, nn.MaxPool1d, nn.AvgPool1d]))
        if pool is not None:
            layers.append(pool(size, step, edge))
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2)) if draw(st.booleans()) else nn.Sequential(*layers)


@pytest.mark.parametrize("name", ["profile", "last pool with a rest", "nothing but a dense layer"])
def test_a_region_alone(name, monkeypatch):
    """Of results without an edit little is kept, and more where windows ask for it; effects are the same."""
    monkeypatch.setattr("chiasma.explain.exact_mutagenesis.engine._MARGIN", 1)
    make, length = WRITTEN[name]
    torch.manual_seed(1)
    model, codes = make().eval(), sequences(2, length)
    with torch.no_grad():
        model(one_hot(codes))
    whole = all_substitutions(model, codes, method="brute-force")
    for region in ((0, 3), (length // 2, length // 2 + 5)):
        part = all_substitutions(model, codes, region=region, method="windows")
        slow = all_substitutions(model, codes, region=region, method="brute-force")
        np.testing.assert_allclose(part.effects, whole.effects[:, slice(*region)], atol=1e-5)
        np.testing.assert_allclose(slow.effects, whole.effects[:, slice(*region)], atol=1e-6)
        np.testing.assert_array_equal(part.codes, codes[:, slice(*region)])


@pytest.mark.parametrize("region", [(5, 5), (-1, 4), (30, 41)])
def test_no_such_region(region):
    with pytest.raises(UsageError, match="within 0:40"):
        all_substitutions(Scanner(), sequences(1, 40), region=region)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_networks_drawn_at_random(data):
    model = network(data.draw).eval()
    codes = sequences(data.draw(st.integers(1, 2)), data.draw(st.integers(25, 60)), data.draw(st.integers(0, 9)))
    try:
        with torch.no_grad():
            model(one_hot(codes))
    except RuntimeError:
        return  # longer than the sequence
    fast = all_substitutions(model, codes, method="windows")
    slow = all_substitutions(model, codes, method="brute-force")
    scale = max(1, np.abs(slow.output).max())
    np.testing.assert_allclose(fast.effects / scale, slow.effects / scale, atol=1e-5)


def test_blocks_of_members_and_of_sequences_are_the_same_to_rounding(monkeypatch):
    torch.manual_seed(0)
    model, codes = Profile().eval(), sequences(5, 64)
    whole = all_substitutions(model, codes, method="windows")
    monkeypatch.setattr("chiasma.explain.exact_mutagenesis.engine._WINDOW_BYTES", 20_000)
    monkeypatch.setattr("chiasma.explain.exact_mutagenesis.engine._FULL_BYTES", 2_000)
    monkeypatch.setattr("chiasma.explain.exact_mutagenesis.engine._FEWEST_EDITS", 4)
    parts = all_substitutions(model, codes, method="windows")
    np.testing.assert_allclose(parts.effects, whole.effects, atol=1e-6)


def test_one_output_of_all_is_the_same(monkeypatch):
    monkeypatch.setattr(mutagenesis, "_FEWEST_EDITS", 0)
    codes, model = sequences(2, 40), cnn()
    model(one_hot(codes))
    every = all_substitutions(model.eval(), codes)
    assert every.engine == "windows" and every.effects.shape == (2, 40, 4, 2)
    found = in_silico_mutagenesis(model.train(), codes, target=-1)
    assert model.training, "the mode is given back"
    np.testing.assert_allclose(found.hypothetical, every.effects[..., 1], atol=1e-6)
    given_engine = in_silico_mutagenesis(model, codes, target=1, engine=brute_force)
    np.testing.assert_allclose(found.scores, given_engine.scores, atol=1e-6)
    facts = every.facts()
    assert facts["engine"] == "windows" and facts["largest_error"] < 1e-6 and facts["multiply_adds_saved"] > 2


def test_attention_from_the_start_goes_through_the_model_and_says_why():
    codes = sequences(1, 48)
    with pytest.raises(NotTraceableError, match="moves the batch"):
        all_substitutions(Windowless().eval(), codes, method="windows")
    found = all_substitutions(Recurrent(), np.tile(codes, (12, 1)))
    assert found.engine == "brute-force" and "lstm" in found.reason
    np.testing.assert_allclose(found.effects[0], all_substitutions(Recurrent(), codes).effects[0], atol=1e-6)


class Windowless(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Transformer()

    def forward(self, x):
        return self.inner(x + x.transpose(0, 1).sum())


class Deciding(nn.Module):
    """Another network for sequences that begin with A: nothing that can be followed."""

    def forward(self, x):
        return x.sum((1, 2))[:, None] if float(x[0, 0, 0]) > 0 else x.cumsum(2)[:, 0, -1:]


class Lying(nn.Module):
    """Its calls are followed while its weights differ from those it will use."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.calls = nn.Conv1d(4, 3, 5), 0

    def forward(self, x):
        self.calls += 1
        return self.conv(x).relu().sum(2) * (1 if self.calls > 3 else 1.01)


def test_a_model_that_decides_by_values_is_not_followed():
    found = all_substitutions(Deciding(), sequences(13, 40))
    assert found.engine == "brute-force" and "followed" in found.reason


def test_the_comparison_finds_a_model_that_changes():
    codes = sequences(13, 40)
    found = all_substitutions(Lying().eval(), codes)
    assert found.engine == "brute-force" and "differ from the model" in found.reason
    with pytest.raises(RunError, match="differ from the model"):
        all_substitutions(Lying().eval(), codes, method="windows")


def test_random_models_and_batch_statistics_are_refused():
    x = one_hot(sequences(1, 40))
    with pytest.raises(UsageError, match="is random"):
        trace(lambda x: functional.dropout(x, 0.5, training=True), x)
    with pytest.raises(UsageError, match="normalises by the batch"):
        trace(nn.BatchNorm1d(4).train(), x)
    with pytest.raises(UsageError, match="is random"):
        trace(lambda x: x + torch.rand_like(x), x)


def test_writing_into_a_part_is_not_followed():
    def model(x):
        h = x * 2
        h[:, 0] = 0
        return h

    def rereading(x):
        h = x * 2
        view = h[:, :2]
        h.relu_()
        return view + h[:, :2]

    x = one_hot(sequences(1, 40))
    for one in (model, rereading):
        with pytest.raises(NotTraceableError, match="writes into a part"):
            trace(one, x)


def test_a_trace_serves_any_number_of_sequences():
    torch.manual_seed(0)
    model = Attending().eval()
    found = trace(model, one_hot(sequences(1, 40)))
    x = one_hot(sequences(7, 40))
    with torch.no_grad():
        np.testing.assert_allclose(found.run(x)[found.outputs[0]], model(x), atol=1e-6)


def test_what_a_model_keeps_from_its_first_call_stays_usable():
    class Keeping(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.kept = nn.Conv1d(4, 3, 5), None

        def forward(self, x):
            if self.kept is None:
                self.kept = torch.linspace(0, 1, x.shape[2] - 4)
            return (self.conv(x) * self.kept).sum(2)

    torch.manual_seed(0)
    model = Keeping().eval()
    found = all_substitutions(model, sequences(2, 40), method="windows")
    np.testing.assert_allclose(found.output, model(one_hot(sequences(2, 40))).detach(), atol=1e-6)


def test_a_model_that_spares_memory_without_gradients_is_followed_with_them():
    class Sparing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(4, 3, 5)

        def forward(self, x):
            if torch.is_grad_enabled():
                return self.conv(x).relu().sum(2)
            out = x.new_empty(len(x), 3, x.shape[2] - 4)
            for channel in range(3):
                out[:, channel] = self.conv(x)[:, channel]
            return out.relu().sum(2)

    torch.manual_seed(0)
    assert_exact(Sparing(), sequences(2, 40))


def test_bad_requests_are_named():
    codes = sequences(1, 20)
    with pytest.raises(UsageError, match="unknown method"):
        all_substitutions(Scanner(), codes, method="magic")
    with pytest.raises(UsageError, match="no such output"):
        all_substitutions(Scanner(), codes, columns=[3])


@pytest.mark.oracle
@pytest.mark.parametrize("make", [cnn, binned])
def test_equals_tangermeme(make):
    oracle = pytest.importorskip("tangermeme.saturation_mutagenesis")
    codes, model = random_codes(1, 48), make()
    with torch.no_grad():
        model.eval()(one_hot(codes))
    ours = all_substitutions(model, codes, method="windows")
    theirs = oracle.saturation_mutagenesis(model, one_hot(codes), device="cpu", raw_outputs=True)
    before, after = (torch.as_tensor(item).numpy() for item in (theirs[0], theirs[1]))
    effects = (after - before[:, None, None]).transpose(0, 2, 1, 3)  # (sequence, position, base, output)
    np.testing.assert_allclose(ours.effects, effects, atol=1e-5)
