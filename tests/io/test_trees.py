import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError
from chiasma.io.sites import Region
from chiasma.io.trees import from_tree_sequence, load_tree_sequence, read_trees

msprime = pytest.importorskip("msprime")


@pytest.fixture(scope="module")
def ts():
    ancestry = msprime.sim_ancestry(5, population_size=1e4, sequence_length=2e4, recombination_rate=1e-8, random_seed=3)
    return msprime.sim_mutations(ancestry, rate=2e-8, model=msprime.BinaryMutationModel(), random_seed=3)


def test_whole_central_and_region(ts, tmp_path):
    whole = from_tree_sequence(ts).haplotypes
    assert np.array_equal(whole.alleles, ts.genotype_matrix().T) and whole.ploidy == 2 and whole.polarised
    low = (ts.num_sites - 6) // 2
    central = from_tree_sequence(ts, most_sites=6).haplotypes
    assert np.array_equal(central.alleles, whole.alleles[:, low : low + 6])
    part = from_tree_sequence(ts, region=Region("1", 5000, 9000)).haplotypes
    assert np.array_equal(part.alleles, whole.region(5000, 9000).alleles)
    import tszip

    tszip.compress(ts, tmp_path / "x.tsz")
    assert np.array_equal(read_trees(tmp_path / "x.tsz").haplotypes.alleles, whole.alleles)


def test_bad_files(tmp_path):
    (tmp_path / "x.trees").write_bytes(b"not a tree")
    with pytest.raises(FormatError, match="tree sequence"):
        load_tree_sequence(tmp_path / "x.trees")
    with pytest.raises(InputError, match="no such file"):
        load_tree_sequence(tmp_path / "y.trees")
