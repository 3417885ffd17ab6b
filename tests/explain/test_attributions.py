from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from chiasma.core.errors import MismatchError, UsageError
from chiasma.data.sequences import encode
from chiasma.explain.agreement import agreement, completeness
from chiasma.explain.attention import attended, attention_maps, attention_profile, rollout
from chiasma.explain.deeplift import deep_lift_shap, deep_lift_shap_of
from chiasma.explain.deeplift_rules import UnsupportedOperationError
from chiasma.explain.gradients import (
    input_x_gradient,
    input_x_gradient_of,
    integrated_gradients,
    integrated_gradients_of,
    saliency,
    saliency_of,
)
from chiasma.explain.mutagenesis import in_silico_mutagenesis
from chiasma.explain.onehot import one_hot
from chiasma.explain.references import dinucleotide_references
from explain.models import Functional, Gated, Linear, Recurrent, Scanner, Transformer, cnn, random_codes

SAME_STEPS = {"tolerance": 0.0, "max_steps": 16}
NETWORKS = [cnn, Functional, Recurrent, Transformer, Scanner]


def built(make, length=48):
    model = make()
    with torch.no_grad():
        model.eval()(one_hot(random_codes(2, length)))
    return model


@pytest.mark.parametrize("make", NETWORKS)
def test_deeplift_is_complete(make):
    codes = random_codes(4, 48)
    codes[0, 7] = 4
    model = built(make).train()
    found = deep_lift_shap(model, codes, seed=3)
    assert model.training, "the mode is given back"
    assert found.completeness_error.max() < 2e-6
    with torch.no_grad():
        expected = model.eval()(one_hot(codes))[:, 0].numpy()
    np.testing.assert_allclose(found.output, expected, atol=1e-6)
    again = deep_lift_shap(model, codes, seed=3)
    np.testing.assert_array_equal(found.scores, again.scores)


def test_deeplift_does_not_change_with_company():
    codes = random_codes(5, 48)
    references = dinucleotide_references(codes, n=3, seed=0)
    whole = deep_lift_shap(built(cnn), codes, references=references)
    alone = deep_lift_shap(built(cnn), codes[2:3], references=references[2:3])
    np.testing.assert_allclose(whole.scores[2:3], alone.scores, atol=1e-6)


def test_deeplift_refuses_what_it_has_no_rule_for():
    with pytest.raises(UnsupportedOperationError, match="gru"):
        deep_lift_shap(Gated(), random_codes(2, 20))


def test_deeplift_shows_a_hidden_nonlinearity():
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return 3 * ctx.saved_tensors[0] ** 2 * grad

    weight = torch.randn(4, 20, generator=torch.Generator().manual_seed(0))
    found = deep_lift_shap(lambda x: Hidden.apply((x * weight).sum((1, 2)))[:, None], random_codes(3, 20))
    assert completeness(found)["n_failed"] == 3


def test_max_pool_ties_are_complete():
    def model(x):
        return torch.nn.functional.max_pool1d(x, 5, 1).sum((1, 2))[:, None]

    found = deep_lift_shap(model, random_codes(5, 30))
    assert found.completeness_error.max() < 1e-5


def test_linear_model_is_explained_exactly_by_all():
    codes = random_codes(3, 20)
    model = Linear(20)
    weight = model.weight.numpy().T
    expected = np.take_along_axis(np.broadcast_to(weight, (3, 20, 4)), codes[..., None].astype(int), -1)[..., 0]
    references = np.full((3, 1, 20), 4, np.uint8)
    for found in (
        input_x_gradient(model, codes),
        integrated_gradients(model, codes),
        deep_lift_shap(model, codes, references=references),
    ):
        np.testing.assert_allclose(found.scores, expected, atol=1e-6)
    corrected = expected - weight.mean(axis=1)
    np.testing.assert_allclose(in_silico_mutagenesis(model, codes).scores, corrected, atol=1e-5)
    np.testing.assert_allclose(input_x_gradient(model, codes, corrected=True).scores, corrected, atol=1e-6)
    slope = saliency(model, codes)
    np.testing.assert_allclose(slope.hypothetical.sum(-1), 0, atol=1e-5)
    assert (slope.scores >= 0).all()


def test_mutagenesis_equals_one_edit_at_a_time():
    codes, model = random_codes(2, 12), built(Functional)
    codes[1, 3] = 4
    found = in_silico_mutagenesis(model, codes, target=1, batch_size=7)
    with torch.no_grad():
        for row in range(2):
            for position in range(12):
                for base in range(4):
                    edited = codes[row : row + 1].copy()
                    edited[0, position] = base
                    effect = float(model(one_hot(edited))[0, 1]) - found.output[row]
                    assert found.hypothetical[row, position, base] == pytest.approx(effect, abs=1e-6)
    assert np.isnan(found.completeness_error).all()


def test_scanner_blames_its_word_only():
    codes = np.zeros((1, 30), np.uint8)
    codes[0, 11:18] = encode("TGACTCA")
    inside = np.zeros(30, bool)
    inside[11:18] = True
    for found in (deep_lift_shap(Scanner(), codes, seed=1), in_silico_mutagenesis(Scanner(), codes)):
        assert np.abs(found.scores[0, ~inside]).sum() < 0.5 * found.scores[0, inside].sum()
    assert agreement(found, found)[0] == pytest.approx(1)


def test_integrated_gradients_double_until_complete():
    codes = random_codes(3, 48)
    references = dinucleotide_references(codes, n=2, seed=0)
    found = integrated_gradients(built(cnn), codes, references=references, tolerance=0.01, max_steps=512)
    change = np.abs(found.scores.sum(1))
    assert (found.completeness_error < 0.02 * change + 1e-4).all()
    coarse = integrated_gradients(built(Recurrent), codes, max_steps=8)
    assert np.isfinite(coarse.completeness_error).all()


@pytest.mark.parametrize(
    ("several", "one"),
    [
        (saliency_of, saliency),
        (input_x_gradient_of, input_x_gradient),
        # Steps double while any output is incomplete; without a tolerance all get as many.
        (partial(integrated_gradients_of, **SAME_STEPS), partial(integrated_gradients, **SAME_STEPS)),
        (deep_lift_shap_of, deep_lift_shap),
    ],
)
def test_several_outputs_from_one_pass_are_those_from_passes_of_their_own(several, one):
    codes, model, passes = random_codes(3, 48), built(cnn), []
    model.register_forward_hook(lambda *_: passes.append(1))
    together = several(model, codes, targets=(1, 0, -1))
    n_together = len(passes)
    for target, found in zip((1, 0, -1), together, strict=True):
        alone = one(model, codes, target=target)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
        np.testing.assert_allclose(found.completeness_error, alone.completeness_error, atol=1e-6)
        np.testing.assert_allclose(found.output, alone.output, atol=1e-6)
        assert found.target == str(target)
    assert 3 * n_together == len(passes) - n_together, "one output costs as many passes as three"


def test_references_keep_padding_and_pairs():
    codes = random_codes(3, 40)
    codes[1, :9] = 4
    codes[1, 30:] = 4
    made = dinucleotide_references(codes, n=4, seed=5)
    assert made.shape == (3, 4, 40)
    assert ((made == 4) == (codes == 4)[:, None]).all()
    pairs = [np.sort(made[1, r, 9:29].astype(int) * 4 + made[1, r, 10:30]) for r in range(4)]
    assert all((item == pairs[0]).all() for item in pairs)


def test_bad_models_and_codes_are_named():
    with pytest.raises(UsageError, match="cannot be explained"):
        input_x_gradient(lambda x: x.sum(), random_codes(2, 5))
    with pytest.raises(UsageError, match="no such output"):
        input_x_gradient(Linear(5), random_codes(2, 5), target=3)
    with pytest.raises(UsageError, match="cannot explain"):
        saliency(Linear(5), np.full((2, 5), 9, np.uint8))
    first, second = input_x_gradient(Linear(5), random_codes(2, 5)), input_x_gradient(Linear(5), random_codes(2, 5, 1))
    with pytest.raises(MismatchError):
        agreement(first, second)


def test_attention_maps_and_rollout():
    class Shown:
        def attention(self, x):
            weights = torch.softmax(torch.arange(float(x.shape[2])), 0)
            return [weights.expand(len(x), 2, x.shape[2], x.shape[2])] * 2

    maps = attention_maps(Shown(), random_codes(3, 6), batch_size=2)
    assert [item.shape for item in maps] == [(3, 6, 6)] * 2
    np.testing.assert_allclose(rollout(maps).sum(-1), 1, atol=1e-6)
    assert attended(maps)[0].argmax() == 5
    with pytest.raises(UsageError, match="no attention"):
        attention_maps(cnn(), random_codes(1, 6))


def test_the_attention_profile_says_at_which_distance_and_where_a_head_looks():
    class Previous:
        """Head 1 looks at the token before, head 2 at token 0; a token is two bases."""

        def attention(self, x):
            tokens = x.shape[2] // 2
            before = torch.eye(tokens).roll(-1, 1)
            first = torch.zeros(tokens, tokens)
            first[:, 0] = 1
            return torch.stack([before, first]).expand(1, len(x), 2, tokens, tokens)

    found = attention_profile(Previous(), random_codes(5, 12), batch_size=2)
    rows = list(zip(*found.values(), strict=True))
    assert len(rows) == 2 * (11 + 6) and {row[0] for row in rows} == {1}
    best = {(head, axis): max((r for r in rows if r[1:3] == (head, axis)), key=lambda r: r[4])
            for head in (1, 2) for axis in ("distance", "key")}  # fmt: skip
    assert best[1, "distance"][3:] == (-2, 1.0)
    assert best[2, "key"][3:] == (0, 1.0)


def test_integrated_gradients_over_references_are_the_mean_over_each():
    codes, references = random_codes(3, 30), np.stack([random_codes(3, 30, seed) for seed in (1, 2, 3)], axis=1)
    together = integrated_gradients(cnn(), codes, references=references)
    apart = [integrated_gradients(cnn(), codes, references=references[:, [i]]) for i in range(3)]
    np.testing.assert_allclose(together.scores, np.mean([one.scores for one in apart], axis=0), atol=1e-6)
    np.testing.assert_allclose(together.hypothetical, np.mean([one.hypothetical for one in apart], axis=0), atol=1e-6)


@pytest.mark.oracle
def test_deeplift_equals_tangermeme():
    captum = pytest.importorskip("captum.attr")
    tangermeme = pytest.importorskip("tangermeme.deep_lift_shap")
    codes = random_codes(3, 48)
    references = dinucleotide_references(codes, n=4, seed=0)
    model = built(cnn).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    ours = deep_lift_shap(model, codes, references=references, target=1)
    x = one_hot(codes)
    r = torch.stack([one_hot(item) for item in references])
    theirs = tangermeme.deep_lift_shap(model, x, references=r, target=1, hypothetical=True, device="cpu")
    theirs = theirs.attributions if hasattr(theirs, "attributions") else theirs
    np.testing.assert_allclose(ours.hypothetical, theirs.numpy().transpose(0, 2, 1), atol=1e-5)
    gradients = captum.IntegratedGradients(model).attribute(x, n_steps=256, target=1).sum(1).detach().numpy()
    ours = integrated_gradients(model, codes, target=1, tolerance=1e-4, max_steps=512)
    np.testing.assert_allclose(ours.scores, gradients, atol=2e-3)


@pytest.mark.oracle
@pytest.mark.parametrize("layer", [nn.ReLU(), nn.ELU(), nn.Tanh(), nn.Sigmoid(), nn.MaxPool1d(4), nn.AvgPool1d(3)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_deeplift_equals_captum(layer):
    """One layer at a time: on the network of `cnn` captum reports a convergence delta of 0.02 itself."""
    captum = pytest.importorskip("captum.attr")
    codes = random_codes(2, 48)
    references = dinucleotide_references(codes, n=3, seed=0)
    torch.manual_seed(0)
    model = built(lambda: nn.Sequential(nn.Conv1d(4, 8, 7), layer, nn.Flatten(), nn.LazyLinear(2)))
    ours = deep_lift_shap(model, codes, references=references, target=1)
    x = one_hot(codes).repeat_interleave(3, 0)
    r = one_hot(references.reshape(-1, 48))
    theirs = captum.DeepLift(model).attribute(x, r, target=1).detach().sum(1).reshape(2, 3, 48).mean(1)
    np.testing.assert_allclose(ours.scores, theirs.numpy(), atol=1e-6)
