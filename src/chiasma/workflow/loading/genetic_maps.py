"""Genetic maps that a configuration names, tried before anything is simulated along them."""

from __future__ import annotations

from importlib import import_module

from chiasma.core.config import Config
from chiasma.simulate.region_rates import map_stretches


def check_maps(config: Config) -> None:
    """Refuse a map that no region of a simulating method can take its rates from.

    Raises:
        InputError: no such file, or regions that are no whole number of bases long.
        FormatError: not a genetic map.
        InsufficientDataError: no stretch of it is as long as a region.
    """
    maps = [path for field, path in config.named_files().items() if field.rpartition(".")[2] == "genetic_map"]
    if maps:
        examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
        for path in maps:
            map_stretches(path, examples.design(config).length)
