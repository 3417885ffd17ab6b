"""How a network that learns from simulations is adapted to real windows. No torch here: the command line reads it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config


class AdaptationConfig(Config):
    """Settings of adaptation by gradient reversal; given without `--adapt`, they are refused."""

    weight: float = Field(
        default=1.0,
        ge=0,
        description="largest factor by which the reversed gradient counts (Mo and Siepel 2023: 1 for classes); at 0 "
        "the network learns from simulations alone, and what the head learns of real windows does not reach it",
    )
    schedule: Literal["rising", "constant"] = Field(
        default="rising",
        description="the factor from 0 up as in Ganin et al. 2016, or constant as in Mo and Siepel 2023",
    )
    units: int = Field(default=64, ge=1, description="of the hidden layer of the head that tells real from simulated")
    against: Literal["all", "neutral"] = Field(
        default="all",
        description="simulations that real windows are to become like: all, as published, which takes for granted that "
        "classes are as frequent in both; or the neutral ones, where few real windows can be anything else",
    )
    held_out: float = Field(
        default=0.25,
        gt=0,
        lt=1,
        description="share of the real windows, at the end, that are measured and not learnt from",
    )
    region: str = Field(default="", description="CONTIG:FIRST-LAST of --adapt that is read; empty: all of it")
