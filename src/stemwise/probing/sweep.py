"""Training a grid of probes with early stopping, and choosing one of them.

Each probe is evaluated on the valid split every few steps, keeps its best weights and stops by itself; it
then leaves its stack, and the others go on, faster. A sweep with a folder writes down what is finished and
where it is, so that the same sweep goes on where it was stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from stemwise.probing import state
from stemwise.probing.grid import ProbeConfig
from stemwise.probing.items import Items, Split
from stemwise.probing.scoring import Scorer
from stemwise.probing.stack import Stack, forward, shape_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A probe that is trained.

    Attributes:
        config: its settings.
        score: of the valid split, the best.
        best_step: steps it was trained when it had that score.
        steps: when it stopped.
        layers: its best weights (units × inputs) and biases (units × 1), layer by layer.
    """

    config: ProbeConfig
    score: float
    best_step: int
    steps: int
    layers: tuple[Float[Tensor, "_ _"], ...]

    def logits(self, items: Items, split: Split) -> Float[Tensor, "k n"]:
        """Return what the probe says of a split of the items it was trained on."""
        stack = Stack([self.config], items)
        layers = [layer[None].cpu() for layer in self.layers]
        return forward(layers, stack.inputs(split.features)[self.config.standardise])[0]


class Race:
    """Probes of one shape on their way: a stack, and the best that each has reached.

    Args:
        stack: of the probes, fresh.
        items: what is learned.
    """

    def __init__(self, stack: Stack, items: Items) -> None:
        self.stack = stack
        self._valid = stack.inputs(items.valid.features)
        self._score = Scorer(items, items.valid, stack.device)
        count = len(stack.configs)
        self.scores = torch.full((count,), -math.inf, dtype=torch.float64)
        self.best_steps, self.bored = (torch.zeros(count, dtype=torch.int64) for _ in range(2))
        self.best = [layer.clone() for layer in stack.layers]

    def stretch(self) -> list[tuple[int, Outcome]]:
        """Evaluate, and train until the next evaluation; return the probes that stop, and their places."""
        self.evaluate()
        finished = self._leave()
        for _ in range(self.stack.shape.every if self.stack.configs else 0):
            self.stack.step()
        return finished

    def evaluate(self) -> None:
        """Note which probes are better than ever before; strictly."""
        scores = self._score(self.stack.logits(self._valid)).cpu()
        better = scores > self.scores
        self.scores = torch.where(better, scores, self.scores)
        self.best_steps[better] = self.stack.steps
        self.bored = torch.where(better, 0, self.bored + 1)
        places = better.nonzero()[:, 0].to(self.stack.device)
        for best, layer in zip(self.best, self.stack.layers, strict=True):
            best.index_copy_(0, places, layer.index_select(0, places))

    def _leave(self) -> list[tuple[int, Outcome]]:
        bored = self.bored.tolist()
        done = [bored[i] >= c.patience or self._is_late(c) for i, c in enumerate(self.stack.configs)]
        if not any(done):
            return []
        finished = [(self.stack.order[i], self._outcome(i)) for i, is_done in enumerate(done) if is_done]
        places = [i for i, is_done in enumerate(done) if not is_done]
        index = torch.tensor(places, dtype=torch.int64)
        self.scores, self.best_steps, self.bored = (
            values[index] for values in (self.scores, self.best_steps, self.bored)
        )
        self.best = [best.index_select(0, index.to(best.device)) for best in self.best]
        self.stack.keep(places)
        return finished

    def _is_late(self, config: ProbeConfig) -> bool:
        return 0 < config.most_steps <= self.stack.steps

    def _outcome(self, place: int) -> Outcome:
        return Outcome(
            config=self.stack.configs[place],
            score=float(self.scores[place]),
            best_step=int(self.best_steps[place]),
            steps=self.stack.steps,
            layers=tuple(best[place].cpu().clone() for best in self.best),
        )


def shapes(configs: Sequence[ProbeConfig]) -> list[list[int]]:
    """Return which configs are trained together, by their places, in the order of the first of each."""
    found: dict[object, list[int]] = {}
    for place, config in enumerate(configs):
        found.setdefault(shape_of(config), []).append(place)
    return list(found.values())


def sweep(
    configs: Sequence[ProbeConfig],
    items: Items,
    *,
    device: str | torch.device = "cpu",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Train probes, those of like shape together, and return what became of them, in the same order.

    Args:
        configs: of the probes, such as `GRIDS["full"]`.
        items: what is learned.
        device: where.
        folder: keeps what is finished and, every minute, what is not; a stopped sweep goes on there.
        progress: told (probes done, probes in all).

    Raises:
        ValueError: scores of the valid split have no meaning, as where a label never occurs in it.
    """
    outcomes: dict[int, Outcome] = state.read_outcomes(folder, configs) if folder else {}
    for places in shapes(configs):
        missing = [place for place in places if place not in outcomes]
        for own, outcome in run([configs[place] for place in missing], items, device, folder):
            outcomes[missing[own]] = outcome
            if progress:
                progress(len(outcomes), len(configs))
    return [outcomes[place] for place in range(len(configs))]


def run(
    configs: Sequence[ProbeConfig], items: Items, device: str | torch.device, folder: Path | None
) -> Iterator[tuple[int, Outcome]]:
    """Yield probes of one shape with their places, as they are finished.

    Args:
        configs: of the probes.
        items: what is learned.
        device: where.
        folder: of the sweep; see `sweep`.
    """
    if not configs:
        return
    race = Race(Stack(configs, items, device), items)
    if folder:
        state.load_race(folder, race)
    saved = time.monotonic()
    while race.stack.configs:
        for place, outcome in race.stretch():
            if folder:
                state.save_outcome(folder, outcome)
            yield place, outcome
        if folder and time.monotonic() - saved > state.SAVE_S:
            state.save_race(folder, race)
            saved = time.monotonic()
    if folder:
        state.forget_race(folder, race)


def choose(outcomes: Sequence[Outcome]) -> int:
    """Return the place of the probe with the highest score on the valid split; the first one wins a tie.

    The released code breaks ties by the order of its folders, which depends on the disk; here the grid's
    counts.
    """
    scores = [outcome.score for outcome in outcomes]
    return max(range(len(scores)), key=lambda place: (scores[place], -place))
