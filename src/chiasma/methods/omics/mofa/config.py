"""Configuration of multi-omics factor analysis and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from chiasma.core.config import Config as Base
from chiasma.stats.mofa.nodes import Likelihood

LIKELIHOODS: dict[str, Likelihood] = {"gaussian": "gaussian", "bernoulli": "bernoulli", "poisson": "poisson"}


class Config(Base):
    """What a model is made of; the defaults are those of mofapy2 but for `scale_views`."""

    factors: int = Field(default=10, ge=1, description="factors to begin with; those that are not needed come to 0")
    choose_from: tuple[int, ...] = Field(
        default=(),
        description="numbers of factors to choose between by the likelihood of hidden values, the smallest that is "
        "no worse than the best (by one standard error, or 0.001 nats a value); empty: `factors` as given",
    )
    likelihoods: tuple[str, ...] = Field(
        default=(),
        description="VIEW=gaussian, VIEW=bernoulli or VIEW=poisson, one word a view (from Python also a mapping); a "
        "view not named is bernoulli if all its values are 0 or 1, "
        "else gaussian; poisson, for small counts, is never guessed",
    )
    spike_slab: bool = Field(default=True, description="weights may be exactly irrelevant (spike at 0), not only small")
    scale_views: bool = Field(
        default=True, description="divide each gaussian view by its standard deviation, so that none rules by its unit"
    )
    scale_groups: bool = Field(default=False, description="divide each study within a gaussian view by its own")
    group_relevance: bool | None = Field(
        default=None,
        description="learn by study how much each factor varies (ARD of the factors); without it, if there are several",
    )
    drop_threshold: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="a factor that explains less of every view (share of variance, 0 to 1) is dropped during the fit, "
        "the weakest first, one an iteration; 0 drops none",
    )
    convergence: Literal["fast", "medium", "slow"] = Field(
        default="fast", description="relative change of the bound that ends the fit: 5e-6, 5e-7, 5e-8 (2020, Methods)"
    )
    max_iter: int = Field(default=1000, ge=1, description="iterations at most")
    check_every: int = Field(default=1, ge=1, description="iterations between looks at the bound")
    faithful: bool = Field(
        default=False,
        description="as mofapy2: change of the bound between two looks relative to the bound before the fit, and its "
        "update of the spike, which takes ln <alpha> for <ln alpha>; else by iteration, relative to the present bound",
    )
    random_state: int = Field(default=0, ge=0, description="seed of the start (random projections of large data)")

    @field_validator("likelihoods", mode="before")
    @classmethod
    def _words(cls, given: object) -> object:
        if given is None:
            return ()
        return tuple(f"{view}={name}" for view, name in given.items()) if isinstance(given, Mapping) else given

    @field_validator("likelihoods")
    @classmethod
    def _known(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            view, sign, name = word.rpartition("=")
            if not view or not sign or name not in LIKELIHOODS:
                raise ValueError(f"{word!r} is not VIEW=LIKELIHOOD with one of {', '.join(LIKELIHOODS)}")
        return words

    def likelihood_of(self) -> dict[str, Likelihood]:
        """The likelihood asked for, by view."""
        parts = [word.rpartition("=") for word in self.likelihoods]
        return {view: LIKELIHOODS[name] for view, _, name in parts}

    @field_validator("choose_from")
    @classmethod
    def _positive(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if any(number < 1 for number in numbers):
            raise ValueError("numbers of factors are 1 or more")
        return numbers


def default() -> Config:
    """Ten factors, spike and slab, views scaled."""
    return Config()


def tiny() -> Config:
    """Four factors, for tests."""
    return Config(factors=4)


def mofapy2() -> Config:
    """The original's own settings and rule of convergence, to the digit."""
    return Config(scale_views=False, faithful=True, random_state=2018)


def course() -> Config:
    """The course's lab on scNMT-seq: 20 factors, those below 3 % of every view dropped, no spike."""
    return Config(factors=20, drop_threshold=0.03, spike_slab=False, scale_views=False, random_state=2018)


PRESETS = {"default": default, "tiny": tiny, "mofapy2": mofapy2, "course": course}
