"""Settings of the haplotype network."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chiasma.core.config import Config as _Config
from chiasma.encode.haplotypes import HaplotypeEncoding
from chiasma.fit.config import PLAIN, TrainingConfig


class Config(_Config):
    """What is simulated, how it is encoded, which network reads it."""

    shapes_simulations: ClassVar[tuple[str, ...]] = ("target", "haplotypes")
    """Fields on which a simulated example depends: they name the cache."""

    target: Literal["recombination", "introgression", "demography", "sweeps"] = Field(
        default="recombination",
        description="log rho of a region; direction of a pulse; three-epoch sizes and times; sweep, its kind and place",
    )
    architecture: Literal["exchangeable", "published"] = Field(
        default="exchangeable",
        description="pools over haplotypes and takes any number of them; or Flagel's, haplotypes as channels",
    )
    haplotypes: tuple[int, ...] = Field(
        default=(), description="haplotypes of each population; empty: those of the published design"
    )
    encoding: HaplotypeEncoding = Field(
        default=HaplotypeEncoding(), description="from haplotypes to tensor, for simulated and real data alike"
    )
    row_filters: int = Field(default=32, ge=1, description="exchangeable: filters that slide along each haplotype")
    filters: int = Field(default=96, ge=1, description="exchangeable: channels after pooling over haplotypes")
    width: int = Field(default=11, ge=1, description="exchangeable: sites that a filter along a haplotype sees, odd")
    hidden: int = Field(default=128, ge=1, description="exchangeable: units of the dense layer")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="exchangeable: share of units left out in training")
    train_examples: int = Field(default=5_000, ge=1, description="simulations to train on (published: 210,000)")
    valid_examples: int = Field(default=500, ge=1, description="simulations for stopping")
    calibration_examples: int = Field(default=500, ge=1, description="simulations for intervals and reliability")
    test_examples: int = Field(default=1_000, ge=1, description="simulations touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")
    training: TrainingConfig = TrainingConfig(
        epochs=12, batch_size=32, learning_rate=2e-3, weight_decay=1e-4, schedule="one-cycle"
    )


def default() -> Config:
    """The exchangeable network on Flagel's recombination design, a budget of minutes on two cores."""
    return Config()


def published() -> Config:
    """Flagel, Brandvain & Schrider 2019, recombination, phased: sorted rows, 0/1, zero padding at the end."""
    encoding = HaplotypeEncoding(coding="01", orient="given", order="neighbours", keep="first")
    return Config(architecture="published", encoding=encoding, training=PLAIN.replace(epochs=25))


def published_introgression() -> Config:
    """Flagel et al. 2019, introgression: rows as given, -1/1, zero padding at the end, 19 epochs."""
    encoding = HaplotypeEncoding(sites=1201, coding="-11", orient="given", keep="first")
    return _published("introgression", encoding, epochs=19, batch_size=256)


def published_sweeps() -> Config:
    """Flagel et al. 2019, sweeps: 208 haplotypes, 5,000 sites, sorted rows, -1/1, 3 epochs."""
    encoding = HaplotypeEncoding(sites=5000, coding="-11", orient="given", order="neighbours", keep="first")
    return _published("sweeps", encoding, epochs=3, batch_size=64)


def published_demography() -> Config:
    """Flagel et al. 2019, three epochs: alleles as numbers, sorted rows, 10 epochs."""
    encoding = HaplotypeEncoding(sites=500, coding="01", orient="given", order="neighbours", keep="first")
    return _published("demography", encoding, epochs=10, batch_size=200)


def _published(target: str, encoding: HaplotypeEncoding, *, epochs: int, batch_size: int) -> Config:
    training = PLAIN.replace(epochs=epochs, batch_size=batch_size)
    settings = {"target": target, "architecture": "published"}
    return Config(**settings, encoding=encoding, training=training)  # type: ignore[arg-type]


def tiny() -> Config:
    """For tests: a few simulations of few haplotypes."""
    training = TrainingConfig(epochs=8, batch_size=16, learning_rate=5e-3, schedule="constant")
    return Config(
        haplotypes=(12,),
        encoding=HaplotypeEncoding(sites=64),
        row_filters=6,
        filters=8,
        hidden=8,
        train_examples=48,
        valid_examples=16,
        calibration_examples=16,
        test_examples=16,
        training=training,
    )


PRESETS = {
    "default": default,
    "published": published,
    "published-introgression": published_introgression,
    "published-sweeps": published_sweeps,
    "published-demography": published_demography,
    "tiny": tiny,
}


SEARCH = {"training.learning_rate": (1e-3, 2e-3, 4e-3), "dropout": (0.0, 0.1, 0.3)}
"""What `--tries` draws from."""
