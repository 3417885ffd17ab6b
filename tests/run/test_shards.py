import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.core.errors import FormatError, UsageError
from chiasma.data.simulated import Simulated
from chiasma.run.shards import read_shard, write_shard
from chiasma.run.simulations import SHARD, fill, kept, part_of

DTYPES = st.sampled_from([np.int8, np.uint8, np.int64, np.float32, np.float64])
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))


def toy(config, run_seed, index):
    """An example whose shape depends on its address."""
    rng = np.random.default_rng([run_seed, index])
    sites = int(rng.integers(0, 7))
    return {"alleles": rng.integers(0, 2, (4, sites)).astype(np.int8), "positions": rng.random(sites)}


@settings(max_examples=15)
@given(st.dictionaries(st.integers(0, 10**12), st.dictionaries(st.sampled_from("abc"), ARRAYS, min_size=1), max_size=5))
def test_a_shard_gives_back_what_it_took(tmp_path_factory, examples):
    path = tmp_path_factory.mktemp("shard") / "000001.zarr.zip"
    write_shard(path, examples)
    back = read_shard(path)
    assert back.keys() == examples.keys()
    for address, example in examples.items():
        assert back[address].keys() == example.keys()
        for name, value in example.items():
            found = back[address][name]
            assert found.dtype == value.dtype and found.shape == value.shape
            np.testing.assert_array_equal(found, value)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_damaged_shard_is_told(tmp_path):
    path = tmp_path / "000001.zarr.zip"
    write_shard(path, {1: {"a": np.arange(3)}})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FormatError, match="not a shard of examples"):
        read_shard(path)


def test_parts_share_no_shard_and_are_all():
    addresses = np.r_[0 : 3 * SHARD + 5, 10**9 : 10**9 + 10]
    parts = [part_of(addresses, (i, 3)) for i in (1, 2, 3)]
    assert np.array_equal(np.sort(np.concatenate(parts)), addresses)
    shards = [set((part // SHARD).tolist()) for part in parts]
    assert not (shards[0] & shards[1] or shards[1] & shards[2] or shards[0] & shards[2])
    with pytest.raises(UsageError, match="no such part"):
        part_of(addresses, (4, 3))


def test_parts_filled_apart_are_a_cache_that_resumes(tmp_path):
    x = Simulated(toy, None, 1, np.arange(SHARD + 40))
    how = {"executor": "serial", "workers": 1}
    assert fill(x.take(np.arange(10)), tmp_path, part=(1, 1), **how) == (10, 10)  # killed early
    assert fill(x, tmp_path, part=(1, 2), **how) == (SHARD, SHARD - 10)
    assert fill(x, tmp_path, part=(2, 2), **how) == (40, 40)
    assert fill(x, tmp_path, part=(2, 2), **how) == (40, 0)
    cached = kept(x, tmp_path, **how)
    for one, two in zip(cached, x, strict=True):
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    assert cached.keeper.runs == 0
    assert len(list(tmp_path.rglob("*.zarr.zip"))) == 2
