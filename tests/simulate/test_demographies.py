"""The six models written a second time as msprime demographies, priors in demes files, stdpopsim's catalogue."""

import math

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError, UsageError
from chiasma.simulate.demographies import demography_of, find_model, graph_model, read_model, simulate_model
from chiasma.simulate.demographies_pg_gan import MODELS

msprime = pytest.importorskip("msprime")
demes = pytest.importorskip("demes")


def written_again(name, v):
    """The model in the words of the published program: events looking back, of populations by number."""
    if name == "const":
        return [v["Ne"]], []
    size = msprime.PopulationParametersChange
    move = msprime.MassMigration
    if name == "exp":
        now = v["N2"] * math.exp(v["growth"] * v["T2"])
        events = [size(v["T2"], v["N2"], 0, population=0), size(v["T1"], v["N1"], population=0)]
        return [(now, v["growth"])], events
    source, dest = (1, 0) if v["mig"] >= 0 else (0, 1)
    share = abs(v["mig"])
    if name == "im":
        join = v["T_split"]
        pulse = move(join / 2, source=source, dest=dest, proportion=share)
        return [v["N1"], v["N2"]], [pulse, move(join, source=1, dest=0), size(join, v["N_anc"], population=0)]
    if name == "ooa2":
        pulse = move(v["T2"], source=source, dest=dest, proportion=share)
        change = size(v["T2"], v["N1"], population=1)
        join = [move(v["T1"], source=1, dest=0), size(v["T1"], v["N_anc"], population=0)]
        return [v["N3"], v["N2"]], [pulse, change, *join]
    pulse = move(v["T2"] / 2, source=source, dest=dest, proportion=share)
    join = [move(v["T2"], source=1, dest=0), size(v["T2"], v["N1"], population=0)]
    return [v["N3"], v["N2"]], [pulse, *join, size(v["T1"], v["N_anc"], population=0)]


def old_style(name, values):
    populations, events = written_again(name, values)
    configurations = [
        msprime.PopulationConfiguration(initial_size=p[0], growth_rate=p[1])
        if isinstance(p, tuple)
        else msprime.PopulationConfiguration(initial_size=p)
        for p in populations
    ]
    return msprime.Demography.from_old_style(configurations, demographic_events=events)


def coalescence(demography, names, times):
    """Chance that a pair has coalesced, by time: within each population and between them."""
    debugger = demography.debug()
    pairs = [{a: 2} if a == b else {a: 1, b: 1} for i, a in enumerate(names) for b in names[i:]]
    return np.array(
        [debugger.coalescence_rate_trajectory(times, pair, double_step_validation=False)[1] for pair in pairs]
    )


@pytest.mark.parametrize("name", ["const", "exp", "im", "ooa2", "post_ooa"])
def test_models_are_pg_gans(name):
    model = MODELS[name]
    times = np.linspace(0, 20_000, 60)
    for values in ({}, {"mig": -0.2} if "mig" in model.defaults() else {}, model.draw(1, 1)):
        if values.get("growth", 0) > 0.02:
            values = {**values, "growth": 0.02}
        complete = model.complete(values)
        ours = coalescence(demography_of(model, values), model.populations, times)
        theirs = old_style(name, complete)
        expected = coalescence(theirs, [p.name for p in theirs.populations], times)
        # msprime's debugger rounds where a population of no size waits for its split
        np.testing.assert_allclose(ours, expected, atol=0.001)


def test_out_of_africa_is_gutenkunsts():
    # the catalogue's own copy of the model at its published values, but for rounding of times and sizes
    pytest.importorskip("stdpopsim")
    names = ("YRI", "CEU", "CHB")
    times = np.linspace(0, 30_000, 60)
    ours = coalescence(demography_of(MODELS["ooa3"]), names, times)
    theirs = coalescence(demography_of(find_model("HomSap/OutOfAfrica_3G09")), names, times)
    np.testing.assert_allclose(ours, theirs, atol=0.003)


def test_ranges_are_the_published_ones():
    ranges = {name: {p.name: (p.default, p.low, p.high) for p in model.priors} for name, model in MODELS.items()}
    assert ranges["const"] == {"Ne": (10_000, 1_000, 30_000)}
    assert ranges["exp"]["T1"] == (2_000, 1_500, 5_000) and ranges["exp"]["growth"] == (0.005, 0, 0.05)
    assert ranges["im"]["T_split"] == (2_000, 500, 20_000) and ranges["im"]["mig"] == (0.05, -0.2, 0.2)
    assert ranges["ooa2"] == ranges["post_ooa"] and ranges["ooa2"]["N_anc"] == (15_000, 1_000, 25_000)
    assert len(ranges["ooa3"]) == 14 and ranges["ooa3"]["m_AF_AS"] == (1.9e-5, 0, 0.01)
    assert [model.haplotypes for model in MODELS.values()] == [(198,), (198,), *[(98, 98)] * 3, (66, 66, 66)]


@pytest.mark.parametrize("name", list(MODELS))
def test_draws_lie_in_their_ranges_and_have_an_address(name):
    model = MODELS[name]
    drawn = [model.draw(3, index) for index in range(200)]
    for prior in model.priors:
        values = np.array([d[prior.name] for d in drawn])
        assert prior.low <= values.min() and values.max() <= prior.high
        assert values.mean() == pytest.approx((prior.low + prior.high) / 2, abs=0.1 * (prior.high - prior.low))
    assert model.draw(3, 7) == drawn[7] != model.draw(4, 7)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_can_be_simulated(name):
    model = MODELS[name]
    haplotypes = dict.fromkeys(reversed(model.populations), 3)
    arguments = {"haplotypes": haplotypes, "length": 5_000, "mutation_rate": 1.25e-8, "recombination": 1.25e-8}
    one, two = (simulate_model(model, seed=5, **arguments) for _ in "ab")
    assert one.tables.equals(two.tables, ignore_provenance=True)
    of = [one.population(one.node(sample).population).metadata["name"] for sample in one.samples()]
    assert of == [name for name in haplotypes for _ in range(3)]


DEMES = """
time_units: years
generation_time: 25
metadata:
  priors:
    split: {paths: [demes/old/epochs/0/end_time, demes/a/start_time, demes/b/start_time], low: 40, high: 400}
    size: {paths: [demes/a/epochs/-1/start_size, demes/a/epochs/-1/end_size], low: 10, high: 1000, log: true}
demes:
- name: old
  epochs: [{start_size: 5000, end_time: 2500}]
- {name: a, ancestors: [old], epochs: [{start_size: 700}]}
- {name: b, ancestors: [old], epochs: [{start_size: 800}]}
"""


def test_a_demes_file_brings_its_priors(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(DEMES)
    model = find_model(str(path))
    assert model.populations == ("a", "b") and model.defaults() == {"split": 100, "size": 700}
    graph = model.graph(model.complete({"split": 250.0, "size": 44.0}))
    assert graph["a"].start_time == graph["b"].start_time == graph["old"].end_time == 250
    assert graph["a"].epochs[0].start_size == 44 and graph["b"].epochs[0].start_size == 800
    logs = np.log10([model.draw(1, index)["size"] for index in range(500)])
    assert logs.min() >= 1 and logs.max() <= 3 and logs.mean() == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("demes/a/start_time", "demes/z/start_time", InputError, "old, a, b"),
        ("demes/a/start_time", "demes/a/name", InputError, "path of a number"),
        ("epochs/0/end_time", "epochs/3/end_time", InputError, "no such place"),
        ("low: 10,", "low: -1,", InputError, "above 0"),
        ("low: 40,", "low: 4000,", InputError, "range 4000"),
        ("low: 40, high: 400", "mean: 4", InputError, "not a prior"),
        ("time_units: years", "time_units: [", FormatError, "not a demes model"),
    ],
)
def test_a_faulty_demes_file_is_refused(tmp_path, old, new, error, words):
    path = tmp_path / "model.yaml"
    path.write_text(DEMES.replace(old, new, 1))
    with pytest.raises(error, match=words):
        read_model(path)


def test_what_cannot_be_simulated_says_why(tmp_path):
    builder = demes.Builder()
    builder.add_deme("a", epochs=[{"start_size": 100, "end_time": 50}, {"start_size": 100, "end_size": 200}])
    linear = builder.data
    linear["demes"][0]["epochs"][1]["size_function"] = "linear"
    model = graph_model(demes.Builder.fromdict(linear).resolve(), "growing", source="test")
    with pytest.raises(
        InputError,
        match=r"growing: this demographic model cannot be simulated\n.*only supports constant or exponential",
    ):
        demography_of(model)
    with pytest.raises(InputError, match="cannot be simulated"):
        demography_of(MODELS["exp"], {"T1": 100, "T2": 300})
    rest = {"length": 10, "mutation_rate": 0, "recombination": 0, "seed": 1}
    with pytest.raises(InputError, match="no such population today"):
        simulate_model(MODELS["im"], haplotypes={"ancestral": 2}, **rest)
    with pytest.raises(InputError, match="no haplotypes"):
        simulate_model(MODELS["im"], haplotypes={"pop0": 0}, **rest)
    with pytest.raises(UsageError, match="did you mean 'T_split'"):
        MODELS["im"].complete({"Tsplit": 4})
    with pytest.raises(UsageError, match="not a finite number"):
        MODELS["im"].complete({"mig": math.nan})
    with pytest.raises(InputError, match="no such demes file"):
        find_model(str(tmp_path / "absent.yaml"))
    with pytest.raises(UsageError, match="did you mean 'const'"):
        find_model("cnst")


def test_the_catalogue_is_known_by_name():
    pytest.importorskip("stdpopsim")
    model = find_model("DroMel/African3Epoch_1S16")
    assert model.populations == ("AFR",) and not model.priors and model.source.startswith("https://doi.org/")
    assert model.mutation_rate == pytest.approx(8.4e-9, rel=0.5)
    with pytest.raises(UsageError, match="did you mean 'HomSap'"):
        find_model("HomoSap/OutOfAfrica_3G09")
    with pytest.raises(UsageError, match="did you mean 'OutOfAfrica_3G09'"):
        find_model("HomSap/OutOfAfrica_3G9")


def test_larger_populations_leave_times_and_flow():
    from chiasma.simulate.demographies import resized

    model = MODELS["im"]
    before, after = (one.graph(one.complete()) for one in (model, resized(model, 1.1)))
    for deme, larger in zip(before.demes, after.demes, strict=True):
        for epoch, other in zip(deme.epochs, larger.epochs, strict=True):
            assert other.start_size == pytest.approx(1.1 * epoch.start_size)
            assert other.end_size == pytest.approx(1.1 * epoch.end_size) and other.end_time == epoch.end_time
    assert before.pulses == after.pulses
