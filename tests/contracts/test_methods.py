"""What every method folder promises, measured on every folder that has a card."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiasma.core.cards import METHODS_FOLDER, Card, find_card, list_cards
from chiasma.core.config import Config
from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences
from chiasma.data.split import Split

CARDS = list_cards()
NETWORKS = [card.name for card in CARDS if card.contract == "task"]
ESTIMATORS = [card.name for card in CARDS if card.contract == "estimator" and not card.represents]
REPRESENTATIONS = [card.name for card in CARDS if card.contract == "estimator" and card.represents]
every_method = pytest.mark.parametrize("name", [card.name for card in CARDS])
every_network = pytest.mark.parametrize("name", NETWORKS)
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def module(name: str, part: str) -> Any:
    return importlib.import_module(f"{find_card(name).module}.{part}")


@cache
def example(name: str) -> Dataset:
    return module(name, "examples").example(1)


def split_of(data: Dataset) -> Split:
    """Three fifths to train, one to valid, one to test, in turn."""
    turn = np.array(["train", "train", "train", "valid", "test"], dtype=object)
    return Split("given", data.ids, turn[np.arange(len(data)) % 5])


@cache
def network(name: str, again: int = 0) -> tuple[Any, Any, Any]:
    """Task, trained tiny model and history; `again` distinguishes repetitions."""
    import tempfile

    from chiasma.fit.loop import build_seeded, train
    from chiasma.fit.progress import Silent

    data, config = example(name), module(name, "config").tiny()
    task = module(name, "task").make_task(config, data, split_of(data))
    model = build_seeded(module(name, "model").build, config, data.target.n_outputs, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        history = train(task, model, config.training, seed=3, folder=folder, device="cpu", progress=Silent())
    return task, model, history


def as_input(x: Any) -> Any:
    """A noun as scikit-learn sees it."""
    import pandas as pd

    def frame(block: Matrix) -> pd.DataFrame:
        return pd.DataFrame(block.values, index=block.samples, columns=block.features)

    return {key: frame(block) for key, block in x.blocks.items()} if isinstance(x, Views) else frame(x)


def labels(data: Dataset) -> np.ndarray:
    return np.asarray(data.target.names, dtype=object)[data.target.values]


@cache
def estimator(name: str, again: int = 0) -> Any:
    data = example(name)
    made = module(name, "model").build(module(name, "config").tiny())
    return made.fit(as_input(data.x), None if find_card(name).represents else labels(data))


def answers(fitted: Any, x: Any) -> np.ndarray:
    """Probabilities, or the factors of a method without a target."""
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(x))
    from chiasma.workflow.fitting.head import factors_of

    return factors_of(fitted, x)


def test_there_are_methods() -> None:
    assert {"cnn", "lstm", "transformer"} <= {card.name for card in CARDS}


@every_method
def test_card_stands_in_the_folder_of_its_name(name: str) -> None:
    card = find_card(name)
    folder = METHODS_FOLDER / card.wing / name.replace("-", "_")
    assert (folder / "card.toml").is_file()
    wanted = {"config.py", "model.py", "examples.py"} | ({"task.py"} if card.contract == "task" else set())
    assert wanted <= {path.name for path in folder.iterdir()}
    assert card.paper.doi or card.paper.journal
    assert card.parity.kind != "none" or card.parity.note, "a method without parity says what it is"


@every_method
def test_presets_are_configurations(name: str) -> None:
    config = module(name, "config")
    assert {"default", "tiny"} <= set(config.PRESETS)
    for make in config.PRESETS.values():
        assert isinstance(make(), config.Config) and issubclass(config.Config, Config)
        assert config.Config.parse(make().model_dump()) == make()


@every_method
def test_every_setting_says_what_it_means(name: str) -> None:
    fields = module(name, "config").Config.model_fields
    assert [key for key, field in fields.items() if not field.description and key != "training"] == []


@every_method
def test_unknown_settings_are_refused_with_the_nearest_name(name: str) -> None:
    config = module(name, "config").Config
    known = max(config.model_fields, key=len)
    with pytest.raises(UsageError, match=known):
        config.parse({known + "x": 1})


def test_settings_and_examples_need_no_torch() -> None:
    names = [f"{card.module}.{part}" for card in CARDS for part in ("config", "examples")]
    code = f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@every_method
def test_examples_follow_from_their_seed(name: str) -> None:
    make = module(name, "examples").example
    data = make(1)
    assert data.problems() == []
    again, other = make(1), make(2)
    np.testing.assert_array_equal(data.target.values, again.target.values)
    assert not np.array_equal(data.target.values, other.target.values) or not _same_inputs(data.x, other.x)
    assert _same_inputs(data.x, again.x)


def _same_inputs(first: Any, second: Any) -> bool:
    if isinstance(first, Sequences):
        return np.array_equal(first.codes, second.codes)
    if isinstance(first, Views):
        return all(_same_inputs(block, second.blocks[key]) for key, block in first.blocks.items())
    if isinstance(first, Matrix):
        return np.array_equal(first.values, second.values, equal_nan=True)
    one, two = first[0], second[0]
    return one.keys() == two.keys() and all(np.array_equal(one[key], two[key]) for key in one)


@every_method
def test_parameters_equal_the_card(name: str) -> None:
    card = find_card(name)
    if card.contract != "task":
        return
    config, build = module(name, "config"), module(name, "model").build
    import torch

    outputs = example(name).target.n_outputs
    with torch.device("meta"):  # counted, not allocated: some have hundreds of millions
        models = {preset: build(make(), outputs) for preset, make in config.PRESETS.items()}
    counted = {
        preset: sum(value.numel() for value in model.parameters() if value.requires_grad)
        for preset, model in models.items()
    }
    assert card.parameters == counted


@every_network
def test_receptive_field_equals_the_card(name: str) -> None:
    """The stretch of input that the middle bin of `model.trunk` has a gradient to, over many inputs."""
    import torch

    card = find_card(name)
    if card.receptive_field is None:
        return
    torch.manual_seed(1)
    model = module(name, "model").build(module(name, "config").default(), 2).eval()
    x = torch.rand(48, 4, 4 * card.receptive_field, requires_grad=True)
    bins = model.trunk(x)  # (batch, channel, bin)
    bins[:, :, bins.shape[2] // 2].sum().backward()
    assert x.grad is not None
    touched = x.grad.abs().sum(dim=(0, 1)).nonzero().flatten()
    assert int(touched[-1] - touched[0]) + 1 == card.receptive_field


@every_network
def test_task_keeps_its_contract(name: str) -> None:
    from chiasma.fit.task import Task

    task, _, _ = network(name)
    assert isinstance(task, Task)
    for part in ("train", "valid", "test"):
        assert len(list(task.batches(part, 1, 0))) == task.n_batches(part) > 0
    first, same, later = (next(iter(task.batches("train", 1, epoch))) for epoch in (0, 0, 1))
    assert first.keys() == same.keys()
    assert all((first[key] == same[key]).all() for key in first)
    assert any(first[key].shape != later[key].shape or (first[key] != later[key]).any() for key in first)


@every_network
def test_tiny_learns(name: str) -> None:
    _, _, history = network(name)
    losses = [row["train_loss"] for row in history.epochs]
    assert min(losses[1:]) < losses[0]


@every_network
def test_predictions_have_the_columns_that_were_promised(name: str) -> None:
    from chiasma.fit.loop import predict

    task, model, _ = network(name)
    found = predict(task, model, "test", device="cpu")
    data = example(name)
    assert tuple(found) == task.columns and len(task.columns) == data.target.n_outputs
    assert {len(values) for values in found.values()} == {int((split_of(data).part == "test").sum())}
    assert all(np.isfinite(values).all() for values in found.values())
    if data.target.kind in ("binary", "multiclass"):
        np.testing.assert_allclose(sum(found.values()), 1.0, atol=1e-6)


@every_network
def test_same_seed_same_numbers(name: str) -> None:
    _, first, history = network(name)
    _, second, repeated = network(name, 1)
    for key, value in first.state_dict().items():
        assert (value == second.state_dict()[key]).all(), key
    untimed = [{k: v for k, v in row.items() if "second" not in k} for row in history.epochs]
    assert untimed == [{k: v for k, v in row.items() if "second" not in k} for row in repeated.epochs]


@every_network
def test_network_goes_to_disk_and_back_to_the_bit(name: str, tmp_path: Path) -> None:
    from chiasma.fit.checkpoint import load_arrays, load_module, module_arrays, save_arrays
    from chiasma.fit.loop import build_seeded, predict

    task, model, _ = network(name)
    save_arrays(tmp_path, "model", module_arrays(model), {"task": task.meta()})
    arrays, meta = load_arrays(tmp_path, "model")
    data, config = example(name), module(name, "config").tiny()
    other = build_seeded(module(name, "model").build, config, data.target.n_outputs, seed=99)
    load_module(other, arrays)
    whole = module(name, "task").make_task(config, data, None, meta=meta["task"])
    before, after = (predict(whole, each, "all", device="cpu") for each in (model, other))
    for key, values in before.items():
        np.testing.assert_array_equal(values, after[key])


@every_method
def test_nothing_touches_the_internet(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    if name in NETWORKS:
        network(name, 2)
    elif name in [*ESTIMATORS, *REPRESENTATIONS]:
        estimator(name, 2)
    else:
        module(name, "model").build(module(name, "config").tiny()).fit(example(name), seed=1)


@every_method
def test_help_of_fit_names_every_input_and_setting(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from chiasma.cli.main import run

    assert run(["fit", name, "--help"]) == 0
    told = capsys.readouterr().out
    for port in find_card(name).inputs:
        assert f"--{port.name}" in told
    for field in module(name, "config").Config.model_fields:
        if field != "training":
            assert f"--{field.replace('_', '-')}" in told or field in told, field


def measure_reverse_complement(card: Card) -> None:
    """A network's answers on the other strand are the same."""
    from dataclasses import replace

    from chiasma.fit.loop import predict

    task, model, _ = network(card.name)
    data, config = example(card.name), module(card.name, "config").tiny()
    assert isinstance(data.x, Sequences)
    flipped = replace(data, x=data.x.reverse_complemented())
    make = module(card.name, "task").make_task
    one, two = (
        predict(make(config, each, None, meta=task.meta()), model, "all", device="cpu") for each in (data, flipped)
    )
    # An odd number of padded bases puts one more on one side: those sequences differ by a shift, not a strand.
    even = (task.length - data.x.lengths) % 2 == 0
    for key, values in one.items():
        np.testing.assert_allclose(values[even], two[key][even], atol=1e-6)


def measure_feature_order(card: Card) -> None:
    """A matrix method fitted to permuted columns gives the same probabilities."""
    data, config = example(card.name), module(card.name, "config").tiny()
    x, draw = as_input(data.x), np.random.default_rng(1)

    def permuted(frame: Any) -> Any:
        return frame.iloc[:, draw.permutation(frame.shape[1])]

    turned = {key: permuted(frame) for key, frame in x.items()} if isinstance(x, dict) else permuted(x)
    second = module(card.name, "model").build(config).fit(turned, None if card.represents else labels(data))
    np.testing.assert_allclose(answers(second, turned), answers(estimator(card.name), x), atol=1e-6)


def measure_sample_order(card: Card) -> None:
    """A matrix method fitted to permuted rows gives every sample the same probabilities."""
    data, config = example(card.name), module(card.name, "config").tiny()
    x, order = as_input(data.x), np.random.default_rng(1).permutation(len(data))
    turned = {key: frame.iloc[order] for key, frame in x.items()} if isinstance(x, dict) else x.iloc[order]
    second = module(card.name, "model").build(config).fit(turned, None if card.represents else labels(data)[order])
    np.testing.assert_allclose(answers(second, x), answers(estimator(card.name), x), atol=1e-6)


def measure_haplotype_permutation(card: Card) -> None:
    """A network's answers do not change when the haplotypes of a population (axis 1) are put in another order."""
    import torch

    task, model, _ = network(card.name)
    batch = next(iter(task.batches("test", 0, 0)))
    draw, begin, order = np.random.default_rng(1), 0, []
    for size in model.sizes if len(model.sizes) > 1 else (batch["alleles"].shape[1],):
        order.append(begin + draw.permutation(size))
        begin += size
    turned = {**batch, "alleles": batch["alleles"][:, np.concatenate(order)]}
    with torch.no_grad():
        one, two = task.predict(model.eval(), batch), task.predict(model, turned)
    for key, values in one.items():
        np.testing.assert_allclose(values, two[key], atol=1e-5, rtol=1e-5)


MEASURES = {
    "reverse-complement": measure_reverse_complement,
    "feature-order": measure_feature_order,
    "sample-order": measure_sample_order,
    "haplotype-permutation": measure_haplotype_permutation,
}


@pytest.mark.parametrize(
    ("name", "claim"), [(card.name, claim) for card in CARDS for claim in card.invariances], ids=str
)
def test_claimed_invariances_hold_when_measured(name: str, claim: str) -> None:
    assert claim in MEASURES, f"{name} claims {claim!r}, which nothing here measures"
    MEASURES[claim](find_card(name))


@every_estimator
def test_estimator_repeats_itself_and_goes_to_disk_and_back(name: str, tmp_path: Path) -> None:
    from chiasma.fit.checkpoint import load_arrays, save_arrays

    x = as_input(example(name).x)
    first, second = estimator(name), estimator(name, 1)
    expected = first.predict_proba(x)
    np.testing.assert_array_equal(expected, second.predict_proba(x))
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, atol=1e-9)
    arrays, meta = first.state()
    save_arrays(tmp_path, "model", arrays, meta)
    read, facts = load_arrays(tmp_path, "model")
    back = type(first).from_state(module(name, "config").tiny(), read, facts)
    np.testing.assert_array_equal(expected, back.predict_proba(x))


@every_estimator
def test_estimator_keeps_scikit_learns_manners(name: str) -> None:
    fitted = estimator(name)
    fresh = module(name, "model").build(module(name, "config").tiny())
    learnt = set(vars(fitted)) - set(vars(fresh))
    assert {key for key in learnt if not key.endswith("_")} == set()
    assert list(fitted.classes_) == sorted(set(labels(example(name))))


@pytest.mark.parametrize(
    "name",
    [card.name for card in CARDS if card.contract == "estimator" and card.data == "matrix" and not card.transductive],
)
def test_single_matrix_estimators_pass_scikit_learns_checks(name: str) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    made = module(name, "model").build(module(name, "config").tiny())
    records = check_estimator(made, on_skip=None, on_fail=None)
    assert {str(one["check_name"]): one["exception"] for one in records if one["status"] == "failed"} == {}
    assert sum(one["status"] == "passed" for one in records) > 30


@pytest.mark.parametrize("classes", [2, 3])
@every_estimator
def test_estimators_tell_as_many_classes_as_there_are(name: str, classes: int) -> None:
    """Three classes where the card says multiclass; probabilities in the order of `classes_`."""
    data = example(name)
    if classes > 2 and "multiclass" not in find_card(name).targets:
        return
    draw = np.random.default_rng(0)
    y = np.array(["x", "y", "z"], dtype=object)[draw.integers(0, classes, len(data))]
    x = as_input(data.x)
    for frame in x.values() if isinstance(x, dict) else [x]:
        for code, label in enumerate("xyz"[:classes]):
            frame.iloc[:, code] = frame.iloc[:, code] + 3 * (y == label)
    made = module(name, "model").build(module(name, "config").tiny()).fit(x, y)
    found = made.predict_proba(x)
    assert list(made.classes_) == list("xyz"[:classes]) and found.shape == (len(y), classes)
    assert (made.classes_[found.argmax(axis=1)] == y).mean() > 1.4 / classes


SEQUENCE_TARGETS = [(card.name, kind) for card in CARDS if card.data == "sequences" for kind in card.targets]


@pytest.mark.parametrize(("name", "kind"), SEQUENCE_TARGETS)
def test_networks_learn_every_kind_of_target_on_their_card(name: str, kind: str) -> None:
    from dataclasses import replace

    from chiasma.data.dataset import Target
    from chiasma.fit.loop import build_seeded, predict

    data, config = example(name), module(name, "config").tiny()
    draw = np.random.default_rng(1)
    n = len(data)
    target = {
        "binary": lambda: Target("binary", draw.integers(0, 2, n), ("a", "b")),
        "multiclass": lambda: Target("multiclass", draw.integers(0, 3, n), ("a", "b", "c")),
        "multilabel": lambda: Target("multilabel", draw.integers(0, 2, (n, 4)).astype(float), ("a", "b", "c", "d")),
        "regression": lambda: Target("regression", draw.normal(size=(n, 2)), ("a", "b")),
    }[kind]()
    data = replace(data, target=target)
    task = module(name, "task").make_task(config, data, split_of(data))
    model = build_seeded(module(name, "model").build, config, target.n_outputs, seed=1)
    loss = task.loss(model, next(iter(task.batches("train", 1, 0))))
    loss.backward()
    assert np.isfinite(float(loss.detach()))
    assert all(value.grad is not None for value in model.parameters() if value.requires_grad)
    found = np.column_stack(list(predict(task, model, "test", device="cpu").values()))
    assert found.shape == (int((split_of(data).part == "test").sum()), len(target.names))
    if kind in ("binary", "multiclass"):
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)
    elif kind == "multilabel":
        assert ((found > 0) & (found < 1)).all()
