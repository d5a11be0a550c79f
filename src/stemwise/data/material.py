"""What a recipe reads of a data set, as a value: `data prepare` and the recipe itself both go by it."""

from __future__ import annotations

from dataclasses import dataclass, replace

LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, kw_only=True)
class Material:
    """Which audio of a data set, and in which form.

    Attributes:
        sources: `("mixture",)`, or stems in order.
        sample_rate: Hz.
        channels: 1, the mean of a file's channels, or 2.
        splits: of the data set.
        further_rates: Hz; at which else the same audio is wanted.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int = 1
    splits: tuple[str, ...] = ("train",)
    further_rates: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise ValueError(f"sample_rate: expected at least 1 Hz, got {self.sample_rate}")
        if self.channels not in LAYOUTS:
            raise ValueError(f"channels: expected 1 or 2, got {self.channels}")

    def at_each_rate(self, rates: tuple[int, ...] = ()) -> tuple[Material, ...]:
        """Return the same at each of these rates; at its own and the further ones where none are given."""
        rates = rates or (self.sample_rate, *self.further_rates)
        return tuple(replace(self, sample_rate=rate, further_rates=()) for rate in dict.fromkeys(rates))

    @property
    def form(self) -> str:
        """The rate and the channels in words.

        >>> Material(sources=("mixture",), sample_rate=16_000).form
        '16000 Hz mono'
        """
        return f"{self.sample_rate} Hz {LAYOUTS[self.channels]}"
