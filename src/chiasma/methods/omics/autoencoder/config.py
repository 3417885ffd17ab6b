"""Configuration of the autoencoder and its presets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from chiasma.core.config import Config as Base
from chiasma.fit.config import TrainingConfig

Likelihood = Literal["gaussian", "nb", "zinb", "bernoulli"]
Activation = Literal["elu", "relu", "linear"]


class ViewSettings(Base):
    """What is particular to one view; what is not given is as for all."""

    hidden: int | None = Field(default=None, ge=1, description="units of its encoder")
    activation: Activation | None = Field(default=None, description="of its encoder")
    likelihood: Likelihood | None = Field(default=None, description="how its values are distributed")


class Config(Base):
    """What the network is made of, how the views are distributed, and how it is trained."""

    kind: Literal["variational", "plain"] = Field(
        default="variational",
        description="variational: a product of experts, views may be absent; plain: encoders side by side to a "
        "bottleneck, every view needed, squared error for Gaussian views",
    )
    factors: int = Field(default=16, ge=1, description="dimensions of the space between")
    hidden: int = Field(
        default=64,
        ge=1,
        description="units of each view's encoder, at most its features; of one view: --set per_view.NAME.hidden=32",
    )
    decoder: int = Field(default=64, ge=1, description="units of the layer that all views are read from")
    activation: Activation = Field(default="elu", description="of the encoders")
    likelihood: Literal["auto", "gaussian", "nb", "zinb", "bernoulli"] = Field(
        default="auto",
        description="nb is negative binomial counts, zinb with further zeros, bernoulli 0 and 1 only; auto: bernoulli "
        "where a view is all 0 or 1, nb where all are counts, else gaussian",
    )
    per_view: dict[str, ViewSettings] = Field(
        default_factory=dict, description="hidden, activation and likelihood of single views, {view = {...}}"
    )
    log1p: bool = Field(default=False, description="take the logarithm of 1 + value in Gaussian views first")
    scale: bool = Field(default=True, description="bring features of Gaussian views to mean 0 and variance 1")
    balance: bool = Field(
        default=True,
        description="let each view weigh as much as another in the loss; otherwise as much as it has features",
    )
    kl_weight: float = Field(default=1.0, ge=0, description="weight of the divergence from the standard normal")
    view_dropout: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of samples that are encoded once more from some of their views only, all being predicted",
    )
    valid_share: float = Field(default=0.15, ge=0, lt=1, description="share of samples kept to choose the epoch by")
    random_state: int = Field(default=0, description="seed of weights, batches, noise and the samples kept")
    training: TrainingConfig = Field(
        default_factory=lambda: TrainingConfig(
            epochs=100, min_steps=500, batch_size=64, learning_rate=3e-3, patience=15, precision="32"
        )
    )

    def of_view(self, name: str, setting: Literal["hidden", "activation", "likelihood"]) -> Any:
        """A setting as it is for one view."""
        own = getattr(self.per_view.get(name), setting, None)
        return getattr(self, setting) if own is None else own


def default() -> Config:
    """Variational, sixteen factors, likelihoods read off the values."""
    return Config()


def tiny() -> Config:
    """Few units and steps: for tests."""
    training = TrainingConfig(epochs=4, batch_size=32, learning_rate=5e-3, patience=4, precision="32")
    return Config(factors=4, hidden=8, decoder=8, training=training)


def course() -> Config:
    """The course's network of CITE-seq (views rna, adt): 115,216 parameters for 976 + 10 features.

    Encoders of 50 (elu) and 10 (linear) units, a linear bottleneck of 50, 60 units (elu), squared error of log(1 + x)
    summed over views; Adam, 10 epochs, batches of 128, a fifth of the samples kept.
    """
    training = TrainingConfig(
        epochs=10, batch_size=128, weight_decay=0.0, schedule="constant", patience=10, clip_norm=0.0, precision="32"
    )
    return Config(
        kind="plain",
        factors=50,
        hidden=50,
        decoder=60,
        per_view={"adt": ViewSettings(activation="linear")},
        likelihood="gaussian",
        log1p=True,
        scale=False,
        valid_share=0.2,
        training=training,
    )


PRESETS = {"default": default, "tiny": tiny, "course": course}
