"""The six models of pg-gan (Wang et al. 2021) with their ranges, as demes models.

Populations are those of pg-gan's rows. A pulse `mig` is one event: for a positive share, lineages of the second
population go to the first one looking back, so genes went from the first into the second.
"""

from __future__ import annotations

import math
from typing import Any

from chiasma.core.checks import require_module
from chiasma.simulate.demographies import Model, Prior, Values

_SOURCE = "Wang et al. 2021 (10.1111/1755-0998.13386): ranges and defaults of the published program"
_TIME, _SHARE, _RATE = "generations", "share of lineages", "a generation"


def _size(name: str, default: float, low: float = 1_000, high: float = 30_000) -> Prior:
    return Prior(name, default, low, high)


_N1, _N2, _N3 = _size("N1", 9_000), _size("N2", 5_000), _size("N3", 12_000)
_N_ANC = _size("N_anc", 15_000, 1_000, 25_000)
_T1, _T2 = Prior("T1", 2_000, 1_500, 5_000, _TIME), Prior("T2", 350, 100, 1_500, _TIME)
_MIG = Prior("mig", 0.05, -0.2, 0.2, _SHARE)


def _builder() -> Any:
    return require_module("demes", extra="population").Builder(time_units="generations")


def _pulse(builder: Any, values: Values, time: float) -> None:
    source, dest = ("pop0", "pop1") if values["mig"] >= 0 else ("pop1", "pop0")
    if values["mig"]:
        builder.add_pulse(sources=[source], dest=dest, proportions=[abs(values["mig"])], time=time)


def _const(values: Values) -> Any:
    builder = _builder()
    builder.add_deme("pop0", epochs=[{"start_size": values["Ne"]}])
    return builder.resolve()


def _exp(values: Values) -> Any:
    now = values["N2"] * math.exp(values["growth"] * values["T2"])
    builder = _builder()
    builder.add_deme(
        "pop0",
        epochs=[
            {"start_size": values["N1"], "end_time": values["T1"]},
            {"start_size": values["N2"], "end_time": values["T2"]},
            {"start_size": values["N2"], "end_size": now, "end_time": 0},
        ],
    )
    return builder.resolve()


def _im(values: Values) -> Any:
    builder = _builder()
    builder.add_deme("ancestral", epochs=[{"start_size": values["N_anc"], "end_time": values["T_split"]}])
    for name, size in (("pop0", "N1"), ("pop1", "N2")):
        builder.add_deme(name, ancestors=["ancestral"], epochs=[{"start_size": values[size]}])
    _pulse(builder, values, values["T_split"] / 2)
    return builder.resolve()


def _ooa2(values: Values) -> Any:
    builder = _builder()
    builder.add_deme("ancestral", epochs=[{"start_size": values["N_anc"], "end_time": values["T1"]}])
    builder.add_deme("pop0", ancestors=["ancestral"], epochs=[{"start_size": values["N3"]}])
    epochs = [{"start_size": values["N1"], "end_time": values["T2"]}, {"start_size": values["N2"]}]
    builder.add_deme("pop1", ancestors=["ancestral"], epochs=epochs)
    _pulse(builder, values, values["T2"])
    return builder.resolve()


def _post_ooa(values: Values) -> Any:
    builder = _builder()
    epochs = [
        {"start_size": values["N_anc"], "end_time": values["T1"]},
        {"start_size": values["N1"], "end_time": values["T2"]},
    ]
    builder.add_deme("ancestral", epochs=epochs)
    for name, size in (("pop0", "N3"), ("pop1", "N2")):
        builder.add_deme(name, ancestors=["ancestral"], epochs=[{"start_size": values[size]}])
    _pulse(builder, values, values["T2"] / 2)
    return builder.resolve()


def _ooa3(values: Values) -> Any:
    builder = _builder()
    builder.add_deme("ancestral", epochs=[{"start_size": values["N_A"], "end_time": values["T_AF"]}])
    builder.add_deme("YRI", ancestors=["ancestral"], epochs=[{"start_size": values["N_AF"]}])
    split = values["T_EU_AS"]
    builder.add_deme(
        "OOA",
        ancestors=["YRI"],
        start_time=values["T_B"],
        epochs=[{"start_size": values["N_B"], "end_time": split}],
    )
    for name, size, rate in (("CEU", "N_EU0", "r_EU"), ("CHB", "N_AS0", "r_AS")):
        now = values[size] * math.exp(values[rate] * split)
        builder.add_deme(name, ancestors=["OOA"], epochs=[{"start_size": values[size], "end_size": now}])
    pairs = (("YRI", "OOA", "m_AF_B"), ("YRI", "CEU", "m_AF_EU"), ("YRI", "CHB", "m_AF_AS"), ("CEU", "CHB", "m_EU_AS"))
    for one, two, rate in pairs:
        if values[rate]:
            builder.add_migration(demes=[one, two], rate=values[rate])
    return builder.resolve()


_OOA3 = (
    _size("N_A", 7_300),
    _size("N_B", 2_100, 1_000, 20_000),
    _size("N_AF", 12_300, 1_000, 40_000),
    _size("N_EU0", 1_000, 100, 20_000),
    _size("N_AS0", 510, 100, 20_000),
    Prior("r_EU", 0.004, 0, 0.05, _RATE),
    Prior("r_AS", 0.0055, 0, 0.05, _RATE),
    Prior("T_AF", 8_800, 8_000, 15_000, _TIME),
    Prior("T_B", 5_600, 2_000, 8_000, _TIME),
    Prior("T_EU_AS", 848, 100, 2_000, _TIME),
    Prior("m_AF_B", 25e-5, 0, 0.01, _RATE),
    Prior("m_AF_EU", 3e-5, 0, 0.01, _RATE),
    Prior("m_AF_AS", 1.9e-5, 0, 0.01, _RATE),
    Prior("m_EU_AS", 9.6e-5, 0, 0.01, _RATE),
)
_TWO = ("pop0", "pop1")

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("const", _SOURCE, (_size("Ne", 10_000),), ("pop0",), _const, (198,), 1.25e-8),
        Model(
            "exp",
            _SOURCE,
            (_N1, _N2, _T1, _T2, Prior("growth", 0.005, 0, 0.05, _RATE)),
            ("pop0",),
            _exp,
            (198,),
            1.25e-8,
        ),
        Model(
            "im",
            _SOURCE,
            (_N1, _N2, _N_ANC, Prior("T_split", 2_000, 500, 20_000, _TIME), _MIG),
            _TWO,
            _im,
            (98, 98),
            1.25e-8,
        ),
        Model("ooa2", _SOURCE, (_N1, _N2, _N3, _N_ANC, _T1, _T2, _MIG), _TWO, _ooa2, (98, 98), 1.25e-8),
        Model("post_ooa", _SOURCE, (_N1, _N2, _N3, _N_ANC, _T1, _T2, _MIG), _TWO, _post_ooa, (98, 98), 1.25e-8),
        Model("ooa3", f"{_SOURCE}; Gutenkunst et al. 2009", _OOA3, ("YRI", "CEU", "CHB"), _ooa3, (66,) * 3, 1.25e-8),
    )
}
"""By pg-gan's names."""
