"""What results are called: a template, made safe, and no name given twice."""

from __future__ import annotations

import string
import unicodedata
from functools import lru_cache

from stemwise.catalogue.inputs import Item
from stemwise.catalogue.ledger import digest

FIELDS = ("folder", "name", "suffix", "stem")
_LONGEST = 255  # bytes that file systems allow in a part of a path
_ROOM = 8  # for an extension and its dot


def checked_template(template: str, needed: tuple[str, ...]) -> str:
    """Return a template that names all it must.

    Raises:
        ValueError: it has an unknown field, or lacks one of those that are needed.

    >>> checked_template("{folder}/{titel}", ())
    Traceback (most recent call last):
    ValueError: name: expected the fields {folder}, {name}, {suffix}, {stem}; got '{folder}/{titel}'
    """
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"name: {template!r} is no template ({error}); write {{name}}, say") from None
    fields = {field for _, field, _, _ in parts}
    if not fields <= set(FIELDS) or any(form or conversion for _, _, form, conversion in parts):
        allowed = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise ValueError(f"name: expected the fields {allowed}; got {template!r}")
    if missing := [field for field in needed if field not in fields]:
        lacking = ", ".join(f"{{{field}}}" for field in missing)
        raise ValueError(f"name: {template!r} lacks {lacking}, so that files would overwrite each other")
    return template


def place(item: Item, template: str, stem: str, unlike: str = "") -> str:
    """Return where a result lies below the output folder, without its extension.

    Args:
        item: the input.
        template: as `checked_template` returns it.
        stem: what the result is.
        unlike: added to the file's name where another input had it first.

    >>> from pathlib import Path
    >>> place(Item(path=Path("music/a/song.mp3"), folder="a"), "{folder}/{name}/{stem}", "drums")
    'a/song/drums'
    """
    values = {"folder": item.folder, "suffix": item.path.suffix[1:], "stem": stem}
    name = _shortened(item.path.stem, len(unlike)) + unlike
    parts = template.format(name=name.replace("/", "_"), **values).split("/")
    return "/".join(_safe(part) for part in parts if part not in ("", "."))


def key(path: str) -> int:
    """Return what two places have in common that a file system may take for one."""
    return digest("place", unicodedata.normalize("NFC", path).casefold())


def unlike(item: Item) -> str:
    """Return what tells an input from another of the same name, the same in every run."""
    return f"-{digest(item.identity) % 16**6:06x}"


@lru_cache(1024)  # of a million files that are planned, most lie in the same folders
def _safe(part: str) -> str:
    """Return a part of a path that stays below its folder and is short enough."""
    part = part.replace("\0", "_")
    return "_" * len(part) if not part.strip(".") else _shortened(part, 0)


def _shortened(name: str, room: int) -> str:
    """Cut a name to what fits, at a character's end."""
    content = name.encode("utf-8", "surrogateescape")[: _LONGEST - _ROOM - room]
    if len(name.encode("utf-8", "surrogateescape")) == len(content):
        return name
    return content.decode("utf-8", "ignore")
