"""Configuration of PLS-DA and its presets."""

from __future__ import annotations

from chiasma.stats.pls.plsda_config import PerfConfig, PlsdaConfig


class Config(PerfConfig, PlsdaConfig):
    """What a PLS-DA is made of; the defaults are those of mixOmics."""


def default() -> Config:
    """Two components of all features."""
    return Config()


def tiny() -> Config:
    """The default, which is fast enough for tests."""
    return Config()


def three() -> Config:
    """Three components, the usual start for four classes."""
    return Config(ncomp=3)


PRESETS = {"default": default, "tiny": tiny, "three": three}
