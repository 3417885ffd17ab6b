"""Settings of detection on painted chromosomes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as _Config
from chiasma.fit.config import TrainingConfig


class Config(_Config):
    """Which admixed populations are simulated, how their chromosomes are painted, and which network finds the site."""

    shapes_simulations: ClassVar[tuple[str, ...]] = (
        "haplotypes",
        "length",
        "generations",
        "share",
        "sizes",
        "starts",
        "strongest",
        "neutral",
        "frequencies",
        "recombination_rate",
    )
    """Fields on which a simulated example depends: they name the cache."""

    network: Literal["heat-map", "detector"] = Field(
        default="heat-map",
        description="one-dimensional, on statistics of tracts in columns; or an object detector (RT-DETR of "
        "transformers) on the painted image",
    )
    haplotypes: int = Field(default=200, ge=2, description="of the sample; rows of the image")
    length: float = Field(default=5e7, gt=0, description="bases of a chromosome; longer ones are read in windows")
    generations: int = Field(default=50, ge=1, description="since the one pulse of admixture")
    share: float = Field(default=0.5, gt=0, lt=1, description="of the founders that came from source one")
    sizes: tuple[float, ...] = Field(
        default=(10_000.0,), min_length=1, description="diploids of the admixed population in each epoch, latest first"
    )
    starts: tuple[float, ...] = Field(
        default=(0.0,), min_length=1, description="generations ago at which each epoch begins, looking back; 0 first"
    )
    strongest: float = Field(
        default=0.5, gt=0, description="s of the homozygote is uniform from 0 to this; the heterozygote has half"
    )
    neutral: float = Field(default=0.0, ge=0, lt=1, description="share of chromosomes without a selected site")
    frequencies: tuple[float, float] = Field(
        default=(1.0, 0.0), description="of the selected allele in source one and two at the pulse"
    )
    recombination_rate: float = Field(default=1.3e-8, gt=0, description="crossovers a base and generation")
    columns: int = Field(default=200, ge=16, description="pixels along the chromosome")
    box: int = Field(default=11, ge=1, description="columns of the interval around a selected site, odd")
    threshold: float = Field(default=0.5, gt=0, lt=1, description="score from which an interval is called")
    mirror: bool = Field(default=True, description="in training, read half of the chromosomes from the other end")
    filters: int = Field(default=48, ge=1, description="heat map: channels of the convolutions")
    layers: int = Field(
        default=6, ge=1, description="heat map: residual blocks; the dilation doubles, up to 16 columns"
    )
    width: int = Field(default=5, ge=3, description="heat map: columns that a filter sees, odd")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of channels left out in training")
    backbone: tuple[int, int, int, int] = Field(
        default=(32, 64, 128, 256), description="detector: channels of the four stages of its residual network"
    )
    blocks: int = Field(default=1, ge=1, description="detector: residual blocks of a stage; 2 as in ResNet-18")
    model_width: int = Field(default=64, ge=8, description="detector: channels behind the backbone, a multiple of 8")
    decoder_layers: int = Field(default=2, ge=1, description="detector: layers of its decoder")
    queries: int = Field(default=10, ge=1, description="detector: boxes that it may draw on an image")
    train_examples: int = Field(default=4_000, ge=2, description="chromosomes to learn from (published: 8,000)")
    valid_examples: int = Field(default=500, ge=1, description="chromosomes for stopping")
    calibration_examples: int = Field(default=500, ge=0, description="chromosomes for the reliability of scores")
    test_examples: int = Field(default=1_000, ge=2, description="chromosomes touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")
    training: TrainingConfig = TrainingConfig(
        epochs=30, batch_size=32, learning_rate=2e-3, weight_decay=1e-3, schedule="one-cycle", patience=30
    )

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.box % 2 == 0 or self.box >= self.columns:
            raise ValueError("box must be odd and narrower than the chromosome: it has the site in its middle")
        if self.width % 2 == 0:
            raise ValueError("width must be odd")
        if len(self.sizes) != len(self.starts):
            raise ValueError("sizes and starts must be of one length: an epoch each")
        if self.model_width % 8:
            raise ValueError("model_width must be a multiple of 8: four heads of attention, two coordinates")
        return self


def default() -> Config:
    """The heat map on the published scenario: one pulse 50 generations ago, half of each source, s up to 0.5."""
    return Config()


def faithful() -> Config:
    """As published in kind: an object detector on 200 x 200 images, 8,000 of them, none mirrored.

    The original is a Faster R-CNN on a pretrained ResNet-18; this is an RT-DETR on a ResNet-18 whose weights begin at
    random.
    """
    training = TrainingConfig(
        epochs=30,
        batch_size=16,
        learning_rate=5e-4,
        weight_decay=1e-4,
        schedule="one-cycle",
        patience=30,
        clip_norm=0.1,
    )
    return Config(
        network="detector",
        mirror=False,
        backbone=(64, 128, 256, 512),
        blocks=2,
        model_width=128,
        decoder_layers=3,
        queries=20,
        train_examples=8_000,
        valid_examples=500,
        test_examples=2_000,
        training=training,
    )


def tiny() -> Config:
    """For tests: a few short chromosomes under strong selection."""
    training = TrainingConfig(epochs=10, batch_size=16, learning_rate=5e-3, schedule="constant")
    return Config(
        haplotypes=24,
        length=2e7,
        generations=20,
        sizes=(500.0,),
        columns=40,
        box=5,
        filters=12,
        layers=3,
        dropout=0.0,
        backbone=(8, 8, 16, 16),
        model_width=16,
        decoder_layers=1,
        queries=3,
        train_examples=96,
        valid_examples=24,
        calibration_examples=24,
        test_examples=32,
        training=training,
    )


PRESETS = {"default": default, "faithful": faithful, "tiny": tiny}


SEARCH = {"training.learning_rate": (1e-3, 2e-3, 4e-3), "dropout": (0.0, 0.1, 0.3)}
"""What `--tries` draws from."""
