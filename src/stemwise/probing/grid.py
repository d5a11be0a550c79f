"""The grid of probes: their settings as values, named as the released code names its runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

DROPOUT_STEPS = 256
"""Dropout is drawn as bytes, so that its rate is a multiple of one in so many."""


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Settings of a probe and of its training.

    Attributes:
        standardise: bring each feature to mean 0 and deviation 1 over the train split.
        hidden: units of the hidden layers; none for a linear probe.
        batch_size: items per step, or all where there are fewer.
        learning_rate: of Adam.
        dropout: of the input and of each hidden layer; a multiple of 1/256.
        weight_decay: coupled: added to the gradient, times the weight. None, as in the paper's grid, is 0.
        every: steps between evaluations on the valid split, the first before any step.
        patience: evaluations in a row without improvement, after which a probe stops.
        most_steps: steps after which it stops in any case; 0 for never.
        seed: of the first weights, the batches and the dropout.
    """

    standardise: bool = True
    hidden: tuple[int, ...] = ()
    batch_size: int = 64
    learning_rate: float = 1e-3
    dropout: float = 0.5
    weight_decay: float | None = None
    every: int = 8
    patience: int = 256
    most_steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1 or self.dropout * DROPOUT_STEPS % 1:
            raise ValueError(
                f"dropout: expected a multiple of 1/{DROPOUT_STEPS} below 1, such as 0.25, got {self.dropout}"
            )
        least = {"batch_size": self.batch_size, "every": self.every, "patience": self.patience}
        if min(least.values()) < 1 or min(self.hidden, default=1) < 1 or self.learning_rate <= 0:
            raise ValueError(f"expected sizes and a learning rate above 0, got {self}")

    def uid(self, dataset: str, representation: str) -> str:
        """Return the name that the released code gives to the run of this probe.

        Args:
            dataset: by the released code's name, such as `gtzan_ff`.
            representation: likewise.

        Example:
            >>> ProbeConfig().uid("debug", "debug")
            '931d09133314c180443615815249a7415da09c86'
        """
        values = {"dataset": dataset, "representation": representation, **self.published()}
        return hashlib.sha1(json.dumps(values, indent=2, sort_keys=True).encode()).hexdigest()

    def published(self) -> dict[str, Any]:
        """Return the settings under the names of the released code."""
        return {
            "data_standardization": self.standardise,
            "hidden_layer_sizes": list(self.hidden),
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "dropout_input": True,
            "dropout_p": self.dropout,
            "l2_weight_decay": self.weight_decay,
            "max_num_epochs": None,
            "early_stopping_metric": "primary",
            "early_stopping": True,
            "early_stopping_eval_frequency": self.every,
            "early_stopping_boredom": self.patience,
            "seed": self.seed,
        }


def _grid(**choices: tuple[Any, ...]) -> tuple[ProbeConfig, ...]:
    return tuple(ProbeConfig(**dict(zip(choices, values, strict=True))) for values in _rows(choices))


def _rows(choices: dict[str, tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    return product(*choices.values())


GRIDS: dict[str, tuple[ProbeConfig, ...]] = {
    "full": _grid(
        standardise=(False, True),
        hidden=((), (512,)),
        batch_size=(64, 256),
        learning_rate=(1e-5, 1e-4, 1e-3),
        dropout=(0.25, 0.5, 0.75),
        weight_decay=(None, 1e-4, 1e-3),
    ),
    "linear": _grid(
        standardise=(False, True),
        hidden=((),),
        batch_size=(64, 256),
        learning_rate=(1e-5, 1e-4, 1e-3),
        dropout=(0.25, 0.5, 0.75),
        weight_decay=(None, 1e-4, 1e-3),
    ),
    "small": _grid(
        standardise=(True,),
        hidden=((), (512,)),
        batch_size=(64,),
        learning_rate=(1e-4, 1e-3),
        dropout=(0.25, 0.75),
        weight_decay=(None, 1e-3),
    ),
    "one": _grid(hidden=((),)),
}
"""Grids by name, in the order that decides between equal scores: the paper's 216, parts of it, a default."""
