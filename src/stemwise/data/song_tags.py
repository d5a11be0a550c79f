"""Title, artist, cover and all else that a file says of its music, carried over to files made of it.

Read by mutagen from mp3, wav, aiff, flac, ogg, opus, mp4 and others, as text under Vorbis' names; other
containers have none here. What speaks of the old file's sound, such as its loudness or encoder, stays behind.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_NAMES = {  # Vorbis: (ID3, MPEG-4)
    "title": ("TIT2", "\xa9nam"),
    "artist": ("TPE1", "\xa9ART"),
    "album": ("TALB", "\xa9alb"),
    "albumartist": ("TPE2", "aART"),
    "composer": ("TCOM", "\xa9wrt"),
    "genre": ("TCON", "\xa9gen"),
    "date": ("TDRC", "\xa9day"),
    "tracknumber": ("TRCK", "trkn"),
    "discnumber": ("TPOS", "disk"),
    "copyright": ("TCOP", "cprt"),
    "isrc": ("TSRC", "----:com.apple.iTunes:ISRC"),
    "bpm": ("TBPM", "tmpo"),
}
_ID3 = {id3: name for name, (id3, _) in _NAMES.items()}
_MP4 = {mp4: name for name, (_, mp4) in _NAMES.items()}
_FREE = "----:com.apple.iTunes:"
_LEFT = (
    "replaygain_",
    "r128_",
    "encod",
    "metadata_block_picture",
    "coverart",
    "itunsmpb",
    "itunnorm",
    "length",
)


@dataclass(frozen=True)
class Picture:
    """A cover: its MIME type, its bytes and its role (3: front)."""

    mime: str
    data: bytes
    role: int = 3


@dataclass(frozen=True)
class SongTags:
    """What a file says of its music: Vorbis names, in lower case, and texts; and pictures."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


def read_tags(path: Path) -> SongTags:
    """Return a file's tags; none where it has none, or damaged ones, with a logged warning."""
    import mutagen

    try:
        found = mutagen.File(path)
        return _read(found) if found is not None and found.tags is not None else SongTags()
    except Exception as error:  # mutagen raises more than it documents; tags never cost the music
        logger.warning("%s: its tags cannot be read (%s) and are not carried over", path, error)
        return SongTags()


def write_tags(path: Path, tags: SongTags) -> None:
    """Add tags to a wav, flac, mp3, ogg or m4a file that has none.

    Raises:
        OSError: they cannot be written; the file is not to be used.
    """
    if not tags.texts and not tags.pictures:
        return
    import mutagen

    try:
        file: Any = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        _WRITERS[type(file).__name__](file, tags)
        file.save()
    except mutagen.MutagenError as error:
        raise OSError(f"{path}: could not write its tags ({error}); free some space") from error


def _read(file: Any) -> SongTags:
    from mutagen.id3 import ID3

    if isinstance(file.tags, ID3):
        texts, pictures = _from_id3(file.tags)
    elif type(file).__name__ == "MP4":
        texts, pictures = _from_mp4(file.tags)
    else:
        texts, pictures = _from_vorbis(file)
    kept = {name.lower(): tuple(values) for name, values in texts.items() if values}
    return SongTags({n: v for n, v in kept.items() if not n.startswith(_LEFT)}, tuple(pictures))


def _from_id3(tags: Any) -> tuple[dict[str, list[str]], list[Picture]]:
    texts = {name: [str(text) for text in tags[id3].text] for id3, name in _ID3.items() if id3 in tags}
    texts |= {frame.desc: [str(text) for text in frame.text] for frame in tags.getall("TXXX")}
    if comments := [str(text) for frame in tags.getall("COMM") if not frame.desc for text in frame.text]:
        texts["comment"] = comments
    return texts, [Picture(frame.mime, frame.data, int(frame.type)) for frame in tags.getall("APIC")]


def _from_mp4(tags: Any) -> tuple[dict[str, list[str]], list[Picture]]:
    texts: dict[str, list[str]] = {}
    for atom, values in tags.items():
        name = _MP4.get(atom) or (atom[len(_FREE) :] if atom.startswith(_FREE) else "")
        if atom == "\xa9cmt":
            name = "comment"
        if name:
            texts[name] = [_mp4_text(value) for value in values]
    kinds = {13: "image/jpeg", 14: "image/png"}
    return texts, [Picture(kinds.get(p.imageformat, "image/jpeg"), bytes(p)) for p in tags.get("covr", ())]


def _mp4_text(value: Any) -> str:
    if isinstance(value, tuple):  # number, of how many
        return "/".join(str(part) for part in value if part)
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _from_vorbis(file: Any) -> tuple[dict[str, list[str]], list[Picture]]:
    from mutagen.flac import Picture as Block

    texts = {name: [str(v) for v in file.tags[name]] for name in {key.lower() for key in file.tags.keys()}}  # noqa: SIM118
    blocks = list(getattr(file, "pictures", ()))
    blocks += [Block(base64.b64decode(text)) for text in texts.get("metadata_block_picture", ())]
    return texts, [Picture(block.mime, block.data, block.type) for block in blocks]


def _to_id3(file: Any, tags: SongTags) -> None:
    from mutagen import id3

    for name, values in tags.texts.items():
        if name in _NAMES:
            file.tags.add(getattr(id3, _NAMES[name][0])(encoding=3, text=list(values)))
        elif name == "comment":
            file.tags.add(id3.COMM(encoding=3, lang="XXX", desc="", text=list(values)))  # type: ignore[attr-defined]
        else:
            file.tags.add(id3.TXXX(encoding=3, desc=name, text=list(values)))  # type: ignore[attr-defined]
    for number, picture in enumerate(tags.pictures):
        desc = str(number) if number else ""  # two of one role and description would be one
        file.tags.add(
            id3.APIC(encoding=3, mime=picture.mime, type=picture.role, desc=desc, data=picture.data)  # type: ignore[attr-defined]
        )


def _to_mp4(file: Any, tags: SongTags) -> None:
    from mutagen.mp4 import MP4Cover

    for name, values in tags.texts.items():
        atom = {"comment": "\xa9cmt"}.get(name) or _NAMES.get(name, ("", f"{_FREE}{name}"))[1]
        if atom in ("trkn", "disk"):
            numbers = [int(part) for part in values[0].split("/") if part.isdecimal()]
            file.tags[atom] = [(*numbers, 0, 0)[:2]]
        elif atom == "tmpo":
            file.tags[atom] = [round(float(v)) for v in values if v.replace(".", "", 1).isdecimal()]
        elif atom.startswith(_FREE):
            file.tags[atom] = [value.encode() for value in values]
        else:
            file.tags[atom] = list(values)
    covers = [
        MP4Cover(p.data, MP4Cover.FORMAT_PNG if p.mime == "image/png" else MP4Cover.FORMAT_JPEG)
        for p in tags.pictures
    ]
    if covers:
        file.tags["covr"] = covers


def _to_flac(file: Any, tags: SongTags) -> None:
    file.tags.update({name: list(values) for name, values in tags.texts.items()})
    for block in _blocks(tags):
        file.add_picture(block)


def _to_ogg(file: Any, tags: SongTags) -> None:
    file.tags.update({name: list(values) for name, values in tags.texts.items()})
    if tags.pictures:
        coded = [base64.b64encode(block.write()).decode("ascii") for block in _blocks(tags)]
        file.tags["metadata_block_picture"] = coded


def _blocks(tags: SongTags) -> list[Any]:
    from mutagen.flac import Picture as Block

    blocks = []
    for picture in tags.pictures:
        block = Block()
        block.mime, block.data, block.type = picture.mime, picture.data, picture.role
        blocks.append(block)
    return blocks


_WRITERS = {"MP3": _to_id3, "WAVE": _to_id3, "MP4": _to_mp4, "FLAC": _to_flac, "OggVorbis": _to_ogg}
