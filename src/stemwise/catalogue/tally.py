"""How far a run is: counts, seconds of audio, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

_LISTED = 1000


@dataclass
class Tally:
    """Counts of a run; `changed` is called whenever one moves.

    Attributes:
        done, failed, skipped, outdated, damaged: numbers of inputs. Outdated ones were skipped, too: they or
            the settings changed since.
        seconds: of audio that went through the network.
        reasons: (input, reason) of the first thousand that failed.
    """

    changed: Callable[[Tally], None] = lambda tally: None
    done: int = 0
    failed: int = 0
    skipped: int = 0
    outdated: int = 0
    damaged: int = 0
    seconds: float = 0.0
    reasons: list[tuple[str, str]] = field(default_factory=list)
    started: float = field(default_factory=monotonic)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, **counts: int | float) -> None:
        """Add to counts."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)
        self.changed(self)

    def fail(self, name: str, reason: str) -> None:
        """Count an input that failed."""
        if len(self.reasons) < _LISTED:
            self.reasons.append((name, reason))
        self.add(failed=1)

    @property
    def handled(self) -> int:
        """How many inputs are behind us."""
        return self.done + self.failed + self.skipped

    @property
    def speed(self) -> float:
        """Seconds of audio per second."""
        return self.seconds / max(1e-9, monotonic() - self.started)
