"""Demes files whose numbers are to be fitted: with ranges, under all of which the model can be simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiasma.core.errors import InputError
from chiasma.core.files import until_changed
from chiasma.core.rng import generator
from chiasma.simulate.demographies import Model, demography_of, read_model

_CORNERS = 128
_INSIDE = 1e-6
"""How far inside its corners the ranges are tried, as a share of each: no value is drawn on an edge."""
_EXAMPLE = (
    "metadata: {priors: {N: {paths: [demes/A/epochs/0/start_size, demes/A/epochs/0/end_size], low: 1000, high: 30000}}}"
)


def fitted_model(path: str) -> Model:
    """The model of a demes file, its priors the parameters that can be fitted.

    Raises:
        InputError: no such file, no priors, a range that is empty or without the written value, or ranges within which
            there are values that cannot be simulated.
        FormatError: not a demes model.
    """
    if not Path(path).is_file():
        raise InputError("no such demes file", where=path, expected="demes YAML with priors", do="check the path")
    return _fitted_model(path)


@until_changed
def _fitted_model(path: str) -> Model:
    model = read_model(path)
    if not model.priors:
        raise InputError(
            "no priors: nothing in this demes file can be fitted",
            where=path,
            expected="ranges of the numbers that are to be found, under metadata",
            do=f"write, with names and ranges of your own, {_EXAMPLE}",
        )
    for prior in model.priors:
        if not prior.low < prior.high:
            raise InputError("a range without values", where=f"{path}, prior {prior.name}", got=prior.low)
        if not prior.low <= prior.default <= prior.high:
            raise InputError(
                "the value in the file lies outside its range",
                where=f"{path}, prior {prior.name}",
                got=f"{prior.default:g}{' ' * bool(prior.unit)}{prior.unit}",
                expected=f"{prior.low:g} to {prior.high:g}",
                do="mend either; ranges of times count generations, whatever the file's time_units",
            )
    _require_simulable(model)
    return model


def _require_simulable(model: Model) -> None:
    """Try the written values and corners of the ranges, all of these where they are few."""
    demography_of(model)
    draw = generator(1, "corners").integers(0, 2, size=(_CORNERS, len(model.priors)))
    for corner in np.unique(draw, axis=0):
        values = {}
        for prior, high in zip(model.priors, corner, strict=True):
            inside = _INSIDE * (prior.high - prior.low)
            values[prior.name] = prior.high - inside if high else prior.low + inside
        try:
            demography_of(model, values)
        except InputError as error:
            raise InputError(
                "within its ranges this demographic model cannot always be simulated",
                where=model.source,
                got=error.__cause__,
                expected="a model at any values, at "
                + ", ".join(f"{name}={value:.6g}" for name, value in values.items()),
                do="let ranges of times not overlap, and name all places of a number: of a split the end of one deme "
                "and the start of others, of a constant size start_size and end_size",
            ) from error
