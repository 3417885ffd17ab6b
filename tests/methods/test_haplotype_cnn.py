import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError
from chiasma.fit.loop import build_seeded
from chiasma.methods.population.haplotype_cnn import examples
from chiasma.methods.population.haplotype_cnn.config import PRESETS, published, tiny
from chiasma.methods.population.haplotype_cnn.model import build
from chiasma.methods.population.haplotype_cnn.task import make_task

pytest.importorskip("msprime")


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_published_network_has_the_published_sizes():
    # 50 x 2 x 1250, 1250 x 2 x 256, 256 x 2 x 256 kernels; 418 -> 417 -> 416 -> 208 -> 207 -> 103 sites
    kernels = 50 * 2 * 1250 + 1250 * 2 * 256 + 256 * 2 * 256 + 418 * 64 + (103 * 256 + 64) * 256 + 256
    biases = 1250 + 256 + 256 + 64 + 256 + 1
    assert parameters(build(published(), 1)) == kernels + biases
    model = build(published(), 1)
    total = sum(
        float(p.detach().square().sum()) for n, p in model.named_parameters() if "weight" in n and p.shape[0] != 1
    )
    assert float(model.penalty().detach()) == pytest.approx(1e-4 * total, rel=1e-5)


def outputs(model, batch):
    with torch.no_grad():
        return model.eval()(batch["alleles"].float(), batch["positions"], batch["n_sites"])


def test_exchangeable_does_not_see_order_padding_or_company():
    config = PRESETS["tiny"]()
    task = make_task(config, examples.example(1), None)
    batch = next(task.batches("all", 0, 0))
    model = build_seeded(build, config, 1, seed=1)
    whole = outputs(model, batch)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(outputs(model, {**batch, "alleles": batch["alleles"][:, order]}), whole, atol=1e-5)
    alone = torch.cat([outputs(model, {k: v[i : i + 1] for k, v in batch.items()}) for i in range(5)])
    assert torch.allclose(alone, whole[:5], atol=1e-5)
    pad = {
        "alleles": torch.nn.functional.pad(batch["alleles"], (0, 9)),
        "positions": torch.nn.functional.pad(batch["positions"], (0, 9), value=-1),
        "n_sites": batch["n_sites"],
    }
    assert torch.allclose(outputs(model, pad), whole, atol=1e-5)
    fewer = outputs(model, {**batch, "alleles": batch["alleles"][:, :7]})
    assert fewer.shape == whole.shape and torch.isfinite(fewer).all()


def test_populations_stay_apart():
    config = tiny().replace(target="introgression", haplotypes=(5, 4))
    data = examples.simulated_dataset(config, 1, np.arange(8))
    task = make_task(config, data, None)
    assert task.columns == ("p_none", "p_one_to_two", "p_two_to_one")
    batch = next(task.batches("all", 0, 0))
    model = build_seeded(build, config, 3, seed=1)
    whole = outputs(model, batch)
    within = torch.tensor([4, 3, 2, 1, 0, 8, 7, 6, 5])
    across = torch.tensor([8, 1, 2, 3, 4, 5, 6, 7, 0])
    assert torch.allclose(outputs(model, {**batch, "alleles": batch["alleles"][:, within]}), whole, atol=1e-5)
    assert not torch.allclose(outputs(model, {**batch, "alleles": batch["alleles"][:, across]}), whole, atol=1e-5)
    with pytest.raises(ValueError, match="told apart"):
        outputs(model, {**batch, "alleles": batch["alleles"][:, :6]})
    columns = task.predict(model, batch)
    assert np.allclose(sum(columns.values()), 1)


def test_batches_repeat_and_the_cache_holds_the_same(tmp_path):
    from chiasma.workflow.loading.simulations import load_simulations

    config = tiny().replace(train_examples=20, valid_examples=4, test_examples=4, calibration_examples=4)
    data, split = load_simulations(config, seed=2)
    cached = config.replace(cache=str(tmp_path))
    plain = make_task(config, data, split)
    first = make_task(cached, load_simulations(cached, seed=2)[0], split)
    list(first.batches("train", 1, 0))
    second = make_task(cached, load_simulations(cached, seed=2)[0], split)
    second.parts.x.keeper.executor = "must not run"
    for epoch in (0, 1):
        for a, b in zip(plain.batches("train", 1, epoch), second.batches("train", 1, epoch), strict=True):
            assert all(torch.equal(a[name], b[name]) for name in a)
    assert len(list(tmp_path.rglob("*.zarr.zip"))) == 1  # the training part alone was asked for
    assert plain.n_batches("train") == 2 and plain.n_batches("nothing") == 0


def test_workers_give_the_same_examples():
    config = tiny()
    data = examples.simulated_dataset(config, 4, np.arange(6))
    serial = next(make_task(config, data, None).batches("all", 0, 0))
    local = next(make_task(config, data, None, executor="local", workers=2).batches("all", 0, 0))
    assert all(torch.equal(serial[name], local[name]) for name in serial)


def test_demography_predicts_logs_and_wrong_data_are_refused():
    config = tiny().replace(target="demography")
    task = make_task(config, examples.simulated_dataset(config, 1, np.arange(4)), None)
    assert task.columns == ("yhat_log_N0", "yhat_log_N1", "yhat_log_N2", "yhat_log_t1", "yhat_log_t2")
    with torch.no_grad():
        columns = task.predict(build(config, 5).eval(), next(task.batches("all", 0, 0)))
    assert all(values.shape == (4,) and np.isfinite(values).all() for values in columns.values())
    from chiasma.data.dataset import Dataset, Target
    from chiasma.data.matrix import Matrix

    matrix = Matrix(np.zeros((2, 1)), np.array(["a", "b"]), np.array(["f"]))
    other = Dataset(matrix.samples, matrix, Target("none", np.zeros(0), ()), np.arange(2))
    with pytest.raises(InputError, match="simulations"):
        make_task(config, other, None)


def test_published_networks_of_the_other_tasks_have_their_sizes():
    # introgression: 1201 -> 1200 -> 1199 -> 599 -> 598 -> 299 sites; no branch of positions
    kernels = 34 * 2 * 256 + 256 * 2 * 128 + 128 * 2 * 128 + 299 * 128 * 128 + 128 * 128 + 128 * 3
    model = build(PRESETS["published-introgression"](), 3)
    assert parameters(model) == kernels + 256 + 4 * 128 + 3 and float(model.penalty().detach()) == 0
    # sweeps: 5000 -> 4999 -> 4998 -> 2499 -> 2498 -> 1249 -> 1248 -> 624 -> 623 -> 311 sites
    kernels = 208 * 2 * 256 + 4 * 256 * 2 * 256 + 5000 * 64 + (311 * 256 + 64) * 256 + 256 * 5
    with torch.device("meta"):
        assert parameters(build(PRESETS["published-sweeps"](), 5)) == kernels + 5 * 256 + 64 + 256 + 5


def test_sweeps_take_haplotypes_from_where_they_are():
    config = tiny().replace(target="sweeps", haplotypes=(20,))
    drawn = [examples.draw_parameters(examples.design(config), 3, index) for index in range(60)]
    labels = [int(p["label"]) for p in drawn]
    assert set(labels) == {0, 1, 2, 3, 4}
    assert all(abs(p["place"] - 0.5) <= 0.05 for p in drawn if p["label"] in (1, 3))
    assert all(min(p["place"], 1 - p["place"]) <= 0.25 for p in drawn if p["label"] in (2, 4))
    middle = {0: [], 1: []}
    for index in [i for i in range(60) if labels[i] in middle][:16]:
        example = examples.simulate(config, 3, index)
        assert int(example["target"]) == labels[index] and example["alleles"].shape[0] == 20
        middle[labels[index]].append(float((np.abs(example["positions"] - 50_000) < 10_000).sum()))
    assert np.mean(middle[1]) < 0.6 * np.mean(middle[0])


def test_larger_populations_keep_address_and_target():
    config = tiny()
    one, other = examples.simulate(config, 1, 3), examples.resized(config, 1, 3, factor=1.0)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    counts = [
        [part(config, 1, i)["alleles"].shape[1] for i in range(12)]
        for part in (examples.simulate, lambda *address: examples.resized(*address, factor=3.0))
    ]
    assert np.mean(counts[1]) > 1.5 * np.mean(counts[0])
    assert examples.resized(config, 1, 3, factor=3.0)["target"] == one["target"]
    assert examples.parameters(config, 1, 3).shape == (4,)
