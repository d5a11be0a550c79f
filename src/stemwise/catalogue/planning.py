"""Which inputs are still to be done, and where their results go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stemwise.catalogue import naming
from stemwise.catalogue.inputs import Item
from stemwise.catalogue.journal import Journal, Shard
from stemwise.catalogue.ledger import Ledger, digest

Existing = Literal["resume", "skip", "replace"]
"""What happens to results that are there: done anew where input or settings changed, never, or always."""


@dataclass(kw_only=True)
class Planned:
    """An input that is to be done.

    Attributes:
        item: the input.
        key, mark, place: as in the journal.
        targets: files to write, by result; empty where results are rows of a table.
        damage: why the file ended early, once it is decoded.
    """

    item: Item
    key: int
    mark: int
    place: int = 0
    targets: dict[str, Path] = field(default_factory=dict)
    damage: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What an input's files are called.

    Attributes:
        template: of their names, see `naming`.
        results: what is written of each input.
        extension: of the files, with its dot.
    """

    template: str
    results: tuple[str, ...]
    extension: str

    def targets(self, out: Path, item: Item, unlike: str = "") -> dict[str, Path]:
        """Return the files to write, by result."""
        return {name: out / self._file(item, name, unlike) for name in self.results}

    def place(self, out: Path, item: Item, unlike: str = "") -> int:
        """Return 64 bits that stand for the first of these files' name."""
        return naming.key(f"{out}/{self._file(item, self.results[0], unlike)}")

    def _file(self, item: Item, result: str, unlike: str) -> str:
        return naming.place(item, self.template, result, unlike) + self.extension


class Plan:
    """Goes through the inputs and picks what is to be done.

    Args:
        journal: of the output folder.
        shard: which inputs are ours.
        settings: 64 bits that stand for the model and all options.
        layout: of files; None for rows of a table.
        existing: what happens to results that are there.
        skipped: called for each input that is left, with the files that are there.
    """

    def __init__(
        self,
        journal: Journal,
        shard: Shard,
        settings: int,
        layout: Layout | None,
        existing: Existing,
        skipped: Callable[[Item, Sequence[Path], bool], None],
    ) -> None:
        self._journal, self._shard, self._settings = journal, shard, settings
        self._layout, self._existing, self._skipped = layout, existing, skipped
        self._seen = Ledger()

    def __call__(self, found: Iterable[Item]) -> Iterator[Planned]:
        """Yield what is to be done, in the order of the inputs."""
        for item in found:
            if (planned := self._planned(item)) is not None:
                yield planned

    def _planned(self, item: Item) -> Planned | None:
        key = digest(item.identity)
        # inputs that want the same place are all in one shard, which alone can tell them apart
        place = self._layout.place(self._journal.out, item) if self._layout else key
        if not self._shard.takes(place) or key in self._seen:
            return None
        self._seen[key] = 0
        targets: dict[str, Path] = {}
        if self._layout:
            place, unlike = self._free(self._layout, item, key, place)
            targets = self._layout.targets(self._journal.out, item, unlike)
        planned = Planned(item=item, key=key, mark=self._mark(item), place=place, targets=targets)
        if self._is_there(planned):
            changed = self._journal.known.get(key) not in (None, planned.mark)
            self._skipped(item, list(targets.values()), changed)
            return None
        return planned

    def _free(self, layout: Layout, item: Item, key: int, place: int) -> tuple[int, str]:
        """Return a place that no other input has, and what the name needs for it, if anything."""
        places, unlike = self._journal.places, naming.unlike(item)
        other = layout.place(self._journal.out, item, unlike)
        if places.get(place) in (None, key) and places.get(other) != key:
            other, unlike = place, ""
        places[other] = key
        return other, unlike

    def _mark(self, item: Item) -> int:
        try:
            stat = item.path.stat()
        except OSError:
            return digest(self._settings)
        return digest(self._settings, stat.st_size, stat.st_mtime_ns)

    def _is_there(self, planned: Planned) -> bool:
        there = all(path.is_file() for path in planned.targets.values())
        mark = self._journal.known.get(planned.key)
        if not planned.targets:  # rows cannot be taken back: a changed input is told, not done twice
            return mark is not None
        if self._existing == "skip":
            return there
        return there and mark == planned.mark
