"""pg-gan as a procedure: pre-training, annealing, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.errors import InputError
from chiasma.core.files import content_hash
from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset
from chiasma.data.results import Inference
from chiasma.fit.checkpoint import load_module, load_optimiser, module_arrays, optimiser_arrays
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.annealing import Walk, anneal, step_arrays, steps_of
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.progress import Diary, Progress
from chiasma.methods.population.pg_gan.regions import (
    Batch,
    Observed,
    Rule,
    encode_examples,
    observed_in,
    observed_of,
    rule_of,
    simulate_batch,
)
from chiasma.nn.haplotype_discriminator import HaplotypeDiscriminator, logits
from chiasma.nn.haplotype_patterns import find_patterns

_BATCH = 64


def build(config: Config) -> PgGan:
    """The procedure of a configuration."""
    return PgGan(config)


class PgGan:
    """A history whose simulated regions a discriminator cannot tell from the observed ones.

    Attributes:
        names_: parameters that were inferred.
        estimate_: their values (parameter,).
        start_: where the annealing began (parameter,).
        starts_: vectors that pre-training tried, and the discriminator's accuracy on each (start, parameter + 1).
        steps_: of the annealing, in order.
        accuracy_: the discriminator's share right of observed and of simulated regions, in the last minibatch.
        model_: the discriminator.
        simulated_: minibatches that were simulated.
        redrawn_: regions in these, those drawn again for too few sites, and those left with too few.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, data: Dataset, *, seed: int, folder: Path | None = None) -> Self:
        """Fit to the regions of class "observed".

        Args:
            data: observed regions, and others that are not looked at.
            seed: of all that is drawn.
            folder: keeps the game as it goes, in checkpoint/; one that was killed goes on from its last step.

        Raises:
            InsufficientDataError: none is observed.
            UsageError: the folder holds a game with other settings, data or seed.
        """
        return self.play(observed_in(self.config, data, seed=seed), seed=seed, rule=rule_of(data), folder=folder)

    def play(self, observed: Observed, *, seed: int, rule: Rule | None = None, folder: Path | None = None) -> Self:
        """Fit to encoded regions; `rule` is what they went through."""
        game = Game(self.config, observed, seed=seed, rule=rule)
        progress, diary = Progress(generator(seed, "pg-gan", "annealing")), Diary(folder, game.identity())
        diary.read(game, progress)
        self._pretrain(game, progress, diary)
        walk = self._anneal(game, progress, diary)
        self.names_ = tuple(one.name for one in examples.inferred(self.config))
        self.starts_, self.start_, self.steps_ = np.array(progress.starts), walk.start, walk.steps
        self.estimate_, self.accuracy_ = walk.current, progress.accuracy
        self.model_, self.simulated_, self.redrawn_ = game.model, game.simulated, dict(game.rule.counts)
        return self

    def _pretrain(self, game: Game, progress: Progress, diary: Diary) -> None:
        """Random vectors, until the discriminator knows the regions of one from the observed ones."""
        config = self.config
        while len(progress.starts) < config.starts:
            if progress.starts and progress.starts[-1][-1] >= config.start_accuracy:
                break
            vector = np.array([prior.draw(progress.rng) for prior in examples.inferred(config)])
            progress.accuracy = game.train(examples.values_of(config, vector), config.start_batches)
            right = float(np.mean(progress.accuracy))
            progress.starts.append([*vector, right])
            diary.write(game, progress, f"start {len(progress.starts)} of {config.starts}: accuracy {right:.2f}")

    def _anneal(self, game: Game, progress: Progress, diary: Diary) -> Walk:
        """From the start that was told apart best."""
        config = self.config

        def loss(vector: np.ndarray) -> float:
            return game.loss(examples.values_of(config, vector))

        def train(vector: np.ndarray) -> None:
            progress.accuracy = game.train(examples.values_of(config, vector), config.train_batches)

        if progress.walk is None:
            starts = np.array(progress.starts)
            start = starts[starts[:, -1].argmax(), :-1]
            progress.walk = Walk(start, loss(start))
        walk = progress.walk
        for step in anneal(
            walk,
            examples.inferred(config),
            loss=loss,
            train=train,
            iterations=config.iterations,
            proposals=config.proposals,
            spread=config.spread,
            rng=progress.rng,
        ):
            taken = "accepted" if step.accepted else "refused"
            diary.write(game, progress, f"step {len(walk.steps)} of {config.iterations}: loss {step.loss:.3f}, {taken}")
        return walk

    def values(self) -> dict[str, float]:
        """All values of the history: those inferred, and the others as they were given."""
        return examples.values_of(self.config, self.estimate_)

    def scores(self, data: Dataset) -> np.ndarray:
        """Probability of simulated and of observed (example, 2), as the discriminator sees it."""
        found = self.logits(encode_examples(self.config, data))
        real = 1 / (1 + np.exp(-found))
        return np.column_stack([1 - real, real])

    def logits(self, batch: Batch) -> np.ndarray:
        """Of encoded regions, float64 (batch,)."""
        codes, distances = batch
        pieces = []
        self.model_.eval()
        with torch.no_grad():
            for begin in range(0, len(codes), _BATCH):
                part = slice(begin, begin + _BATCH)
                pieces.append(logits(self.model_, codes[part], distances[part]).double().numpy())
        return np.concatenate(pieces) if pieces else np.zeros(0)

    def hidden(self, batch: Batch) -> np.ndarray:
        """The discriminator's last hidden layer for encoded regions, float64 (batch, 128)."""
        self.model_.eval()
        codes, distances = batch
        with torch.no_grad():
            patterns = find_patterns(codes, self.model_.sizes)
            return self.model_.hidden(patterns, torch.from_numpy(distances)).double().numpy()

    def conclude(self, data: Dataset, *, seed: int, folder: Path | None = None) -> Inference:
        """Estimates with intervals, predictive checks and figures, given the observed regions in `data`.

        A folder keeps the simulated data sets as they come, in checkpoint/, for one that was killed.
        """
        from chiasma.methods.population.pg_gan.conclusions import conclude

        truth = data.notes.get("truth")
        observed, rule = observed_of(self.config, data), rule_of(data)
        return conclude(self, observed, truth=truth, seed=seed, rule=rule, folder=folder)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Weights, starts and steps; and the estimate by name."""
        arrays = {f"discriminator.{name}": values for name, values in module_arrays(self.model_).items()}
        arrays |= {"estimate": self.estimate_, "start": self.start_, "starts": self.starts_}
        arrays |= step_arrays(self.steps_)
        facts = {
            "names": list(self.names_),
            "estimate": self.values(),
            "accuracy": list(self.accuracy_),
            "simulated": self.simulated_,
            "redrawn": self.redrawn_,
            "demes": _hash_of_demes(self.config),
        }
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The procedure that `state` was taken from.

        Raises:
            InputError: its demes file is absent or another one now.
        """
        if meta.get("demes") != _hash_of_demes(config):
            raise InputError(
                "the demes file has changed since the fit", where=config.demes, do="restore it, or fit again"
            )
        made = cls(config)
        made.names_, made.accuracy_ = tuple(meta["names"]), tuple(meta["accuracy"])
        made.simulated_, redrawn = meta["simulated"], meta.get("redrawn", {})
        made.redrawn_ = {name: redrawn[name] for name in Rule().counts if name in redrawn}
        made.estimate_, made.start_, made.starts_ = (arrays[name] for name in ("estimate", "start", "starts"))
        made.steps_ = steps_of(arrays)
        made.model_ = HaplotypeDiscriminator(examples.sample_sizes(config), sites=config.sites, dropout=config.dropout)
        load_module(made.model_, _part(arrays, "discriminator."))
        made.model_.eval()
        return made


class Game:
    """Discriminator, its optimiser, and the streams of what is simulated.

    Args:
        config: of the method.
        observed: the real regions.
        seed: of weights, dropout and simulations.
        rule: what the real regions went through.
    """

    def __init__(self, config: Config, observed: Observed, *, seed: int, rule: Rule | None = None) -> None:
        self.config, self.observed, self.seed = config, observed, seed
        self.rule = Rule() if rule is None else rule
        self.simulated = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "pg-gan", "weights"))
            self.model = HaplotypeDiscriminator(
                examples.sample_sizes(config), sites=config.sites, dropout=config.dropout
            )
        self.optimiser = torch.optim.Adam(self.model.parameters(), config.learning_rate)

    def identity(self) -> dict[str, Any]:
        """What makes this game this game: settings, files that they name, seed and observed regions; JSON-ready."""
        files = {name: content_hash(path) for name, path in self.config.named_files().items()}
        regions = [crc32(part.tobytes()) for part in self.observed.regions]
        config = self.config.model_dump(mode="json")
        return {"config": config, "files": files, "seed": self.seed, "observed": regions}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that the next minibatches follow from."""
        arrays = {f"discriminator.{name}": values for name, values in module_arrays(self.model).items()}
        moments = optimiser_arrays(self.model, self.optimiser)
        arrays |= {f"optimiser.{name}": values for name, values in moments.items()}
        return arrays, {
            "simulated": self.simulated,
            "regions": self.rule.counts,
            "observed": self.observed.rng.bit_generator.state,
        }

    def load(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """Stand where `state` was taken."""
        load_module(self.model, _part(arrays, "discriminator."))
        load_optimiser(self.model, self.optimiser, _part(arrays, "optimiser."))
        self.simulated = facts["simulated"]
        self.rule.counts.update(facts["regions"])
        self.observed.rng.bit_generator.state = facts["observed"]

    def batch(self, values: dict[str, float]) -> Batch:
        """A fresh batch under these values."""
        self.simulated += 1
        place = derive_seed(self.seed, "pg-gan", "batch", self.simulated)
        return simulate_batch(self.config, values, number=self.config.batch, seed=place, rule=self.rule)

    def train(self, values: dict[str, float], batches: int) -> tuple[float, float]:
        """Train the discriminator; the share it has right in the last minibatch, of observed and of simulated."""
        right = (0.0, 0.0)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "pg-gan", "dropout", self.simulated))
            for _ in range(batches):
                real = logits(self.model, *self.observed(self.config.batch))
                fake = logits(self.model, *self.batch(values))
                loss = _cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                right = (float((real > 0).float().mean()), float((fake <= 0).float().mean()))
        self.model.eval()
        return right

    def loss(self, values: dict[str, float]) -> float:
        """Of the generator: how far one batch is from being taken for real."""
        self.model.eval()
        with torch.no_grad():
            return float(_cross_entropy(logits(self.model, *self.batch(values)), 1.0))


def _hash_of_demes(config: Config) -> str | None:
    return content_hash(config.demes) if config.demes else None


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _cross_entropy(found: torch.Tensor, label: float) -> torch.Tensor:
    return binary_cross_entropy_with_logits(found, torch.full_like(found, label))
