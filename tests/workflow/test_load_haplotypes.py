import numpy as np
import pytest

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.dataset import Target
from chiasma.methods.population.haplotype_cnn import examples
from chiasma.methods.population.haplotype_cnn.config import default, tiny
from chiasma.methods.population.haplotype_cnn.task import make_task
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.haplotypes import load_haplotypes
from chiasma.workflow.loading.simulations import load_simulations

msprime = pytest.importorskip("msprime")
TARGET = Target("regression", np.zeros(0), ("log_rho",), "natural log of 4 N r L")


def simulate(length=65_000, samples=10):
    ancestry = msprime.sim_ancestry(
        samples, population_size=1e4, sequence_length=length, recombination_rate=1e-8, random_seed=1
    )
    return msprime.sim_mutations(ancestry, rate=3e-8, random_seed=1)


def test_trees_and_vcf_predict_from_the_same_arrays(tmp_path):
    ts = simulate()
    ts.dump(tmp_path / "x.trees")
    with open(tmp_path / "x.vcf", "w") as handle:
        ts.write_vcf(handle, position_transform=lambda p: np.asarray(p, int) + 1)
    batches = []
    for name in ("x.trees", "x.vcf"):
        data, where = load_haplotypes(tmp_path / name, tiny(), target=TARGET, seed=3)
        assert not data.problems() and len(data) == 4 and where.lengths.tolist() == [20_001] * 4
        assert "12 of 20 haplotypes" in data.notes["haplotypes"]
        meta = {"kind": "regression", "names": ["log_rho"], "mean": [0.0], "deviation": [1.0]}
        batches.append(next(make_task(tiny(), data, None, meta=meta).batches("all", 0, 0)))
    # the VCF's contig is one base longer, and the last window lies flush with its end
    assert all(batches[0][name][:3].numpy().tobytes() == batches[1][name][:3].numpy().tobytes() for name in batches[0])


def test_bad_input(tmp_path):
    ts = simulate(length=30_000, samples=3)
    ts.dump(tmp_path / "few.trees")
    with pytest.raises(InsufficientDataError, match="too few haplotypes"):
        load_haplotypes(tmp_path / "few.trees", tiny(), target=TARGET)
    with pytest.raises(InputError, match="populations"):
        load_haplotypes(
            tmp_path / "few.trees", tiny().replace(target="introgression", haplotypes=(3, 3)), target=TARGET
        )
    with open(tmp_path / "x.vcf", "w") as handle:
        ts.write_vcf(handle, allow_position_zero=True)
    text = (tmp_path / "x.vcf").read_text()
    (tmp_path / "loose.vcf").write_text(text.replace("|", "/"))
    with pytest.raises(InputError, match="not phased"):
        load_haplotypes(tmp_path / "loose.vcf", tiny(), target=TARGET)
    with pytest.raises(InsufficientDataError, match="no window"):
        short = GenotypeChoice(region="1:1-9000")
        load_haplotypes(tmp_path / "few.trees", tiny().replace(haplotypes=(4,)), target=TARGET, choice=short)


def test_sites_with_missing_genotypes_are_left_out_as_simulations_have_none(tmp_path):
    ts = simulate()
    with open(tmp_path / "x.vcf", "w") as handle:
        ts.write_vcf(handle, position_transform=lambda p: np.asarray(p, int) + 1)
    lines = (tmp_path / "x.vcf").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    for i in range(first, len(lines), 4):  # of everyone, whoever is drawn
        lines[i] = "\t".join(lines[i].split("\t")[:9] + [".|."] + [".|1"] * 9)
    (tmp_path / "holes.vcf").write_text("\n".join(lines) + "\n")
    data, _ = load_haplotypes(tmp_path / "holes.vcf", tiny(), target=TARGET, seed=3)
    few = [line for i, line in enumerate(lines) if i < first or (i - first) % 4]
    (tmp_path / "without.vcf").write_text("\n".join(few) + "\n")
    without, _ = load_haplotypes(tmp_path / "without.vcf", tiny(), target=TARGET, seed=3)
    assert not any("missing" in skip.reason for skip in without.skips)
    for one, other in zip(data.x, without.x, strict=True):
        assert one["alleles"].min() == 0 and all(np.array_equal(one[name], other[name]) for name in one)
    for i in range(first, len(lines)):
        lines[i] = "\t".join(lines[i].split("\t")[:9] + [".|1", "0|."] * 5)
    (tmp_path / "all.vcf").write_text("\n".join(lines) + "\n")
    with pytest.raises(InsufficientDataError, match=r"sites with missing genotypes[\s\S]*impute"):
        load_haplotypes(tmp_path / "all.vcf", tiny(), target=TARGET)


def test_the_regions_tested_on_do_not_depend_on_the_budget():
    small, large = (tiny().replace(train_examples=number) for number in (8, 30))
    (one, split), (other, larger) = load_simulations(small, seed=5), load_simulations(large, seed=5)
    for part in ("valid", "calibration", "test"):
        assert one.ids[split.where(part)].tolist() == other.ids[larger.where(part)].tolist()
    assert set(one.ids[split.where("train")]) < set(other.ids[larger.where("train")])
    assert larger.proof["shared_addresses"] == 0


def test_simulations_are_split_by_address():
    config = tiny().replace(train_examples=30)
    data, split = load_simulations(config, seed=5)
    assert split.sizes() == {"train": 30, "valid": 16, "calibration": 16, "test": 16}
    assert not split.problems() and not data.problems()
    assert split.proof["shared_addresses"] == 0
    held = data.x.index[split.where("valid", "calibration", "test")]
    assert all(examples.held_out(config, 5, int(i)) for i in held)
    tried = sum(data.x.index[split.where(part)].max() % 10**9 + 1 for part in ("valid", "calibration", "test"))
    assert data.skips[0].count == tried - 48
    again, _ = load_simulations(config, seed=5)
    assert np.array_equal(again.target.values, data.target.values)


@pytest.mark.realdata
def test_lct(data_dir):
    folder = data_dir / "population/lct_1kg"
    choice = GenotypeChoice(samples=f"{folder / 'samples.tsv'}:population=CEU")
    data, where = load_haplotypes(folder / "lct_1kg_phase3.vcf.gz", default(), target=TARGET, choice=choice)
    assert len(data) + sum(skip.count for skip in data.skips if "windows" in skip.reason) == 16
    assert set(where.chrom) == {"2"} and "50 of 198" in data.notes["haplotypes"]
