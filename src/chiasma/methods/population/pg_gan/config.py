"""Settings of pg-gan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from chiasma.core.config import Config as _Config

_CATALOGUE = r"[A-Z][a-z]{2}[A-Z][a-z]{2}/\w+"
"""Names of stdpopsim's models, as SPECIES/MODEL: HomSap/OutOfAfrica_3G09."""


class Config(_Config):
    """Which history is fitted, to how many haplotypes, and how long the two players play."""

    reads_files: ClassVar[tuple[str, ...]] = ("demes", "genetic_map")
    gives_way: ClassVar[Mapping[str, str]] = {"haplotypes": "demes", "recombination_rate": "genetic_map"}

    model: Literal["const", "exp", "im", "ooa2", "post_ooa", "ooa3"] = Field(
        default="const", description="the history whose parameters are fitted; simulated truth: --set truth.Ne=10000"
    )
    demes: str = Field(
        default="", description="demes YAML with priors in its metadata: a history of one's own in place of `model`"
    )
    parameters: tuple[str, ...] = Field(default=(), description="parameters to infer; empty: all of the history")
    truth: dict[str, float] = Field(
        default={}, description="values of simulated truth, and of what is not inferred; others as published"
    )
    haplotypes: tuple[int, ...] = Field(
        default=(), description="of each population; empty: the published numbers, or those in the demes file"
    )
    sites: int = Field(default=36, ge=16, description="central sites of a region that the discriminator reads")
    length: float = Field(default=50_000, gt=0, description="bases of a simulated region")
    mutation_rate: float = Field(default=1.25e-8, gt=0, description="a base and generation")
    recombination_rate: float = Field(default=1.25e-8, ge=0, description="a base and generation")
    genetic_map: str = Field(
        default="",
        description="HapMap, gmap or PLINK map: each region takes the rates of a stretch of it in place of one rate",
    )
    batch: int = Field(default=50, ge=2, description="regions of each kind in a minibatch")
    starts: int = Field(default=10, ge=1, description="random parameter sets that pre-training tries at most")
    start_batches: int = Field(default=800, ge=1, description="minibatches on each of them")
    start_accuracy: float = Field(
        default=0.9, gt=0, le=1, description="mean accuracy in the last minibatch at which pre-training ends"
    )
    iterations: int = Field(default=300, ge=1, description="steps of the annealing")
    proposals: int = Field(default=10, ge=1, description="for each parameter in a step, the others as they are")
    spread: float = Field(
        default=15, gt=0, description="a proposal's deviation is temperature times range over this number"
    )
    train_batches: int = Field(default=100, ge=1, description="minibatches after a step that is accepted")
    learning_rate: float = Field(default=1e-3, gt=0, description="of Adam")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of dense units left out in training")
    faithful: bool = Field(
        default=False,
        description="tell the first distance of simulated regions, as the original: real ones are known by its 0",
    )
    stretches: tuple[str, ...] = Field(
        default=(),
        description="of the genotypes that are read, CONTIG or CONTIG:FIRST-LAST; empty: all of a file of one contig",
    )
    accessible: float = Field(
        default=0.5, ge=0, le=1, description="least share of an observed window that the mask must leave"
    )
    posterior_sets: int = Field(
        default=500, ge=0, description="data sets simulated under draws from the ranges, for posteriors; 0: none"
    )
    posterior_draws: int = Field(default=500, ge=20, description="of each posterior")
    train_examples: int = Field(default=2_000, ge=2, description="regions to learn from, half of them observed")
    valid_examples: int = Field(default=0, ge=0, description="further regions; nothing is tuned on them")
    calibration_examples: int = Field(default=200, ge=0, description="regions for reliability")
    test_examples: int = Field(
        default=400, ge=2, description="regions on which the discriminator is scored; half are observed, for posteriors"
    )
    cache: str = Field(
        default="", description="folder in which simulations of a simulated truth are kept; empty: memory only"
    )

    @field_validator("model", "demes", mode="before")
    @classmethod
    def _named(cls, name: Any, info: ValidationInfo) -> Any:
        if re.fullmatch(_CATALOGUE, str(name)):
            raise ValueError(
                "the numbers of stdpopsim's catalogue have no ranges: write the model to a file by demes.dump("
                "stdpopsim.get_species(SPECIES).get_demographic_model(MODEL).model.to_demes(), 'model.yaml'), add "
                "priors to its metadata, and give it by --demes model.yaml"
            )
        if info.field_name == "model" and str(name).endswith((".yaml", ".yml")):
            raise ValueError(f"a demes file is given by --demes {name}")
        return name

    @model_validator(mode="after")
    def _one_history(self) -> Config:
        if self.demes and self.model != "const":
            raise ValueError(f"both a demes file and the history {self.model}: leave one out")
        return self

    @model_validator(mode="after")
    def _one_source_of_rates(self) -> Config:
        if self.genetic_map and self.recombination_rate != type(self).model_fields["recombination_rate"].default:
            raise ValueError("a genetic map gives the rates: leave genetic_map or recombination_rate out")
        return self


def default() -> Config:
    """One constant size, a budget of minutes on two cores."""
    return Config(starts=3, start_batches=200, iterations=40, train_batches=25)


def published() -> Config:
    """Wang et al. 2021: 10 starts of 800 minibatches at most, 300 steps, 100 minibatches after each accepted one."""
    return Config(train_examples=10_000)


def reduced() -> Config:
    """Ten minutes of one core for five parameters of 20 haplotypes: fewer steps, a discriminator that learns faster."""
    return Config(
        starts=3,
        start_batches=150,
        iterations=40,
        proposals=6,
        train_batches=40,
        learning_rate=2e-3,
        dropout=0.25,
    )


def annealing() -> Config:
    """Twelve minutes of one core for five parameters of 20 haplotypes: `reduced` with twice the steps, more regions."""
    return reduced().replace(
        starts=4,
        start_batches=200,
        iterations=80,
        proposals=8,
        posterior_sets=300,
        train_examples=10_000,
        calibration_examples=0,
        test_examples=200,
    )


def brief() -> Config:
    """Two minutes of one core for five parameters of 20 haplotypes: too few steps to anneal, enough for posteriors."""
    return reduced().replace(
        starts=2,
        start_batches=80,
        iterations=8,
        proposals=3,
        train_batches=20,
        posterior_sets=300,
        train_examples=400,
        calibration_examples=0,
        test_examples=200,
    )


def tiny() -> Config:
    """For tests: few haplotypes and seconds."""
    return Config(
        haplotypes=(12,),
        length=30_000,
        batch=8,
        starts=2,
        start_batches=6,
        iterations=3,
        proposals=2,
        train_batches=3,
        posterior_sets=24,
        posterior_draws=40,
        train_examples=32,
        calibration_examples=8,
        test_examples=16,
    )


PRESETS = {
    "default": default,
    "published": published,
    "annealing": annealing,
    "reduced": reduced,
    "brief": brief,
    "tiny": tiny,
}
