"""What a recipe reads of a data set, as a value: `data prepare` and the recipe itself both go by it."""

from __future__ import annotations

from dataclasses import dataclass

LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, kw_only=True)
class Material:
    """Which audio of a data set, and in which form.

    Attributes:
        sources: `("mixture",)`, or stems in order.
        sample_rate: Hz.
        channels: 1, the mean of a file's channels, or 2.
        splits: of the data set.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int = 1
    splits: tuple[str, ...] = ("train",)

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise ValueError(f"sample_rate: expected at least 1 Hz, got {self.sample_rate}")
        if self.channels not in LAYOUTS:
            raise ValueError(f"channels: expected 1 or 2, got {self.channels}")

    @property
    def form(self) -> str:
        """The rate and the channels in words.

        >>> Material(sources=("mixture",), sample_rate=16_000).form
        '16000 Hz mono'
        """
        return f"{self.sample_rate} Hz {LAYOUTS[self.channels]}"
