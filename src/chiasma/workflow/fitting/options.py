"""Options that every fit shares, whatever the method."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from chiasma.core.config import Config
from chiasma.split.options import SplitOptions


class FitOptions(Config):
    """How a fit is split, run, evaluated and explained."""

    seed: int = Field(default=1, ge=0, description="root of all randomness")
    split: SplitOptions = Field(default=SplitOptions(), description="how examples are divided")
    test_ids: Path | None = Field(default=None, description="file of ids, one a line: the test part, already chosen")
    device: str = Field(default="auto", description="auto, cpu, cuda or mps")
    executor: str = Field(
        default="local", description="who runs simulations: serial, local, dask://HOST:PORT or a TOML"
    )
    workers: int | None = Field(default=None, ge=1, description="processes for simulations; default all cores")
    motifs: Path | None = Field(default=None, description="MEME file to score and to name discovered motifs")
    length: int | None = Field(default=None, ge=8, description="bases of each window; default the longest sequence")
    tries: int = Field(default=1, ge=1, description="configurations of a network tried; the best on valid is kept")
    alpha: float = Field(default=0.1, gt=0, lt=1, description="miscoverage of the conformal sets")
    draws: int = Field(default=1000, ge=100, description="bootstrap draws behind each interval")
    repeats: int = Field(default=2, ge=1, description="repeats of cross-validation for matrix methods")
    folds: int = Field(default=10, ge=2, description="folds of cross-validation for matrix methods, at most")
    permutations: int = Field(
        default=0, ge=0, description="permutations of the labels within one cross-validation, for its p; 0 asks none"
    )
    undivided: bool = Field(
        default=False,
        description="hold no sample out and look at no class: factors of all samples, scored on them; compare does so "
        "where a method is transductive",
    )
    stability: int = Field(
        default=0,
        ge=0,
        description="seeds over which compare fits methods without a target again, to all samples and to four fifths "
        "of them; 0 asks none",
    )
    complete: bool = Field(
        default=False,
        description="use only samples that every view measured, also for a method that takes others; compare does so "
        "where another of its methods does not",
    )
    views: tuple[str, ...] = Field(default=(), description="views learnt from, where more are given; default all")
    rivals: bool = Field(default=True, description="fit the simple rivals beside it")
    explain: bool = Field(default=True, description="attributions, motifs, loadings")
    explain_examples: int = Field(default=2000, ge=1, description="test examples whose attributions are computed")
    words: tuple[str, ...] = Field(default=(), description="known words to look for, WORD or WORD@FIRST:LAST")
    origin: int = Field(default=0, ge=0, description="0-based position called 0 in profiles, e.g. a start site")
    explain_seconds: float = Field(default=150, gt=0, description="longest time for motif discovery")
