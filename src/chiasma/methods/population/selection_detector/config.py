"""Settings of the selection detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as _Config
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.config import TrainingConfig


class Config(_Config):
    """Under which history neutral and selected regions are simulated, and how the discriminator is trained on them."""

    shapes_simulations: ClassVar[tuple[str, ...]] = (
        "model",
        "truth",
        "haplotypes",
        "strengths",
        "lowest_frequency",
        "introduced",
        "length",
        "mutation_rate",
        "recombination_rate",
        "genetic_map",
    )
    reads_files: ClassVar[tuple[str, ...]] = ("genetic_map",)
    gives_way: ClassVar[Mapping[str, str]] = {"recombination_rate": "genetic_map"}

    model: Literal["const", "exp"] = Field(
        default="const", description="history of the one population, as in pg-gan; its values: --set truth.Ne=10000"
    )
    truth: dict[str, float] = Field(default={}, description="values of the history, fitted before; others as published")
    haplotypes: int = Field(default=198, ge=2, description="of the sample")
    strengths: tuple[float, ...] = Field(
        default=(0.01, 0.025, 0.05, 0.1),
        min_length=1,
        description="selection coefficients in turn; the heterozygote has half",
    )
    lowest_frequency: float = Field(
        default=0.3, gt=0, lt=1, description="the selected allele's frequency today is uniform between this and 1"
    )
    sites: int = Field(default=36, ge=16, description="central sites of a region that the discriminator reads")
    length: float = Field(
        default=50_000, gt=0, description="bases of a simulated region, the selected site in its middle"
    )
    mutation_rate: float = Field(default=1.25e-8, gt=0, description="a base and generation")
    recombination_rate: float = Field(default=1.25e-8, ge=0, description="a base and generation")
    genetic_map: str = Field(
        default="",
        description="HapMap, gmap or PLINK map: each region takes the rates of a stretch of it in place of one rate",
    )
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of dense units left out in training")
    freeze: bool = Field(
        default=False, description="leave the convolutions as they begin, for fine-tuning on few regions (--from)"
    )
    step: float = Field(
        default=10_000, gt=0, description="bases between windows of a scan; central sites span about as many in people"
    )
    introduced: float = Field(
        default=0,
        ge=0,
        description="generations ago at which the allele arose, in one copy, and was not lost (the paper: 1,000); 0: "
        "its frequency today is uniform instead",
    )
    train_examples: int = Field(default=2_000, ge=2, description="regions to learn from, half of them selected")
    valid_examples: int = Field(default=400, ge=2, description="regions for stopping")
    calibration_examples: int = Field(default=400, ge=0, description="regions for reliability")
    test_examples: int = Field(default=1_000, ge=2, description="regions touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")
    training: TrainingConfig = TrainingConfig(
        epochs=30, batch_size=50, learning_rate=1e-3, weight_decay=0.0, schedule="constant", patience=8
    )
    adaptation: AdaptationConfig = Field(
        default=AdaptationConfig(), description="to real windows, where --adapt gives them; refused without it"
    )

    @model_validator(mode="after")
    def _one_source_of_rates(self) -> Config:
        if self.genetic_map and self.recombination_rate != type(self).model_fields["recombination_rate"].default:
            raise ValueError("a genetic map gives the rates: leave genetic_map or recombination_rate out")
        return self


def default() -> Config:
    """A constant size of 10,000; strengths of Riley et al. 2024."""
    return Config()


def published() -> Config:
    """Riley et al. 2024: alleles that arose 1,000 generations ago; 600 regions of each strength, 3,000 without."""
    return Config(introduced=1_000, test_examples=4_800)


def fine_tuning() -> Config:
    """For --from a run of pg-gan: few regions, the convolutions as they are, smaller steps."""
    training = TrainingConfig(
        epochs=60, batch_size=50, learning_rate=3e-4, weight_decay=0.0, schedule="constant", patience=10
    )
    return Config(freeze=True, train_examples=200, valid_examples=100, training=training)


def tiny() -> Config:
    """For tests: few haplotypes, few regions, many mutations so that swept ones keep some sites."""
    training = TrainingConfig(epochs=8, batch_size=16, learning_rate=5e-3, weight_decay=0.0, schedule="constant")
    return Config(
        haplotypes=12,
        truth={"Ne": 2_000.0},
        strengths=(0.05,),
        mutation_rate=3e-7,
        dropout=0.0,
        train_examples=48,
        valid_examples=16,
        calibration_examples=16,
        test_examples=16,
        training=training,
    )


PRESETS = {"default": default, "published": published, "fine-tuning": fine_tuning, "tiny": tiny}


SEARCH = {"training.learning_rate": (3e-4, 1e-3, 3e-3), "dropout": (0.0, 0.25, 0.5)}
"""What `--tries` draws from."""
