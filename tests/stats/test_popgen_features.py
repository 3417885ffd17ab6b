import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError
from chiasma.data.haplotypes import Haplotypes
from chiasma.stats.popgen.features import ROWS, WINDOWS, FeatureReader, region_summary, summarise_region
from chiasma.stats.popgen.grid import normalise
from chiasma.stats.popgen.partial import partial_grid


def region(seed: int, *, rows: int = 14, sites: int = 260) -> Haplotypes:
    draw = np.random.default_rng(seed)
    founders = draw.integers(0, 2, (5, sites))
    alleles = founders[draw.integers(0, 5, rows)] ^ (draw.random((rows, sites)) < 0.05)
    positions = np.sort(draw.uniform(0, 110_000, sites))
    names = np.array([f"s{i}" for i in range(rows)], object)
    return Haplotypes(alleles.astype(np.int8), positions, 0.0, 110_000.0, "1", names, 1, polarised=True)


@pytest.mark.parametrize("statistics", ["diploid", "haploid"])
def test_features_are_shares_of_the_grid(statistics):
    example = summarise_region(region(1), statistics)
    reader = FeatureReader.learn([example])
    assert reader.facts() == {} and example["grid"].shape == (len(ROWS[statistics]), WINDOWS)
    features = reader(example)
    np.testing.assert_array_equal(features, normalise(example["grid"]))
    np.testing.assert_allclose(features.sum(axis=1), 1)
    np.testing.assert_allclose(reader({"grid": features}), features, atol=1e-15)
    assert example["sites"].sum() <= 260


def test_ihs_is_standardised_later_as_it_is_at_once():
    examples = [summarise_region(region(seed), "partial") for seed in range(6)]
    reader = FeatureReader.learn(examples)
    again = FeatureReader.from_facts(reader.facts())
    whole = partial_grid(region(3), standard=reader.standard, windows=WINDOWS)
    np.testing.assert_allclose(reader(examples[3]), normalise(whole.values), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(reader(examples[3]), again(examples[3]))
    assert reader.read(examples).shape == (6, 89 * WINDOWS)
    row = ROWS["partial"].index("ihs_mean")
    assert np.ptp(reader(examples[3])[row]) > 0 and np.ptp(examples[3]["grid"][row]) == 0


def test_no_score_no_standard():
    example = summarise_region(region(1), "partial")
    empty = {**example, "scores": np.zeros(0, np.float32), "frequency": np.zeros(0, np.float32)}
    with pytest.raises(InsufficientDataError, match="without iHS"):
        FeatureReader.learn([empty])


@pytest.mark.parametrize(("statistics", "rows"), [("diploid", 12), ("haploid", 15), ("partial", 14)])
def test_summaries_for_the_gate(statistics, rows):
    names, values = region_summary([summarise_region(region(seed), statistics) for seed in (1, 2)], statistics)
    assert len(names) == len(set(names)) and values.shape == (2, len(names)) and np.isfinite(values).all()
    assert len(names) == 2 * rows and not any("ihs" in name for name in names)
