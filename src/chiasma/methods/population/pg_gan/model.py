"""pg-gan as a procedure: pre-training, annealing, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset
from chiasma.data.results import Inference
from chiasma.fit.checkpoint import load_module, module_arrays
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.annealing import Step, anneal
from chiasma.methods.population.pg_gan.config import Config
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

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit to the regions of class "observed".

        Raises:
            InsufficientDataError: none is observed.
        """
        return self.play(observed_in(self.config, data, seed=seed), seed=seed, rule=rule_of(data))

    def play(self, observed: Observed, *, seed: int, rule: Rule | None = None) -> Self:
        """Fit to observed regions, drawn by a function and encoded; `rule` is what they went through."""
        config = self.config
        chosen = examples.inferred(config)
        values_of = partial(examples.values_of, config)
        game = Game(config, observed, seed=seed, rule=rule)
        rng = generator(seed, "pg-gan", "annealing")
        starts = []
        for _ in range(config.starts):
            vector = np.array([prior.draw(rng) for prior in chosen])
            right = game.train(values_of(vector), config.start_batches)
            starts.append([*vector, float(np.mean(right))])
            if np.mean(right) >= config.start_accuracy:
                break
        self.starts_ = np.array(starts)
        self.start_ = self.starts_[self.starts_[:, -1].argmax(), :-1]
        self.accuracy_ = right

        def train(vector: np.ndarray) -> None:
            self.accuracy_ = game.train(values_of(vector), config.train_batches)

        self.steps_ = anneal(
            self.start_,
            chosen,
            loss=lambda vector: game.loss(values_of(vector)),
            train=train,
            iterations=config.iterations,
            proposals=config.proposals,
            spread=config.spread,
            rng=rng,
        )
        self.names_ = tuple(one.name for one in chosen)
        self.estimate_ = self.steps_[-1].current
        self.model_, self.simulated_, self.redrawn_ = game.model, game.simulated, dict(game.rule.counts)
        return self

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

    def conclude(self, data: Dataset, *, seed: int) -> Inference:
        """Estimates with intervals, predictive checks and figures, given the observed regions in `data`."""
        from chiasma.methods.population.pg_gan.conclusions import conclude

        truth = data.notes.get("truth")
        return conclude(self, observed_of(self.config, data), truth=truth, seed=seed, rule=rule_of(data))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Weights, starts and steps; and the estimate by name."""
        arrays = {f"discriminator.{name}": values for name, values in module_arrays(self.model_).items()}
        arrays |= {"estimate": self.estimate_, "start": self.start_, "starts": self.starts_}
        arrays["current"] = np.array([step.current for step in self.steps_])
        arrays["proposed"] = np.array([step.proposed for step in self.steps_])
        arrays["steps"] = np.array([[step.temperature, step.loss, step.accepted] for step in self.steps_])
        facts = {
            "names": list(self.names_),
            "estimate": self.values(),
            "accuracy": list(self.accuracy_),
            "simulated": self.simulated_,
            "redrawn": self.redrawn_,
        }
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The procedure that `state` was taken from."""
        made = cls(config)
        made.names_, made.accuracy_ = tuple(meta["names"]), tuple(meta["accuracy"])
        made.simulated_, made.redrawn_ = meta["simulated"], dict(meta.get("redrawn", {}))
        made.estimate_, made.start_, made.starts_ = (arrays[name] for name in ("estimate", "start", "starts"))
        made.steps_ = [
            Step(float(row[0]), proposed, float(row[1]), bool(row[2]), current)
            for row, proposed, current in zip(arrays["steps"], arrays["proposed"], arrays["current"], strict=True)
        ]
        made.model_ = HaplotypeDiscriminator(examples.sample_sizes(config), sites=config.sites, dropout=config.dropout)
        prefix = "discriminator."
        weights = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        load_module(made.model_, weights)
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


def _cross_entropy(found: torch.Tensor, label: float) -> torch.Tensor:
    return binary_cross_entropy_with_logits(found, torch.full_like(found, label))
