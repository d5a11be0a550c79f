"""Stems that Open-Unmix, Demucs and Spleeter wrote, found by the names of their folders.

Each writes a folder per song, of one file per source: Spleeter `OUT/SONG/drums.wav`, Demucs
`OUT/MODEL/SONG/drums.wav`, Open-Unmix `OUT/SONG/drums.wav` or `SONG_MODEL/drums.wav`. MSCOL's scripts write
`SONG_up_open-unmix/drums_down.wav`.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from stemwise import STEMS
from stemwise.data.folder import AUDIO
from stemwise.data.tracks import Track

_OTHERS = {"piano", "guitar"}
"""Sources of larger models, which then are missing from `other`."""

_OF_OPEN_UNMIX = re.compile(r"(_up)?_(umx\w*|open-unmix)$")
_OF_MSCOL = re.compile(r"_(up|down)$")


def foreign_stems(tracks: Sequence[Track], folder: Path) -> dict[str, dict[str, Path]]:
    """Return track name → stem → file, of the tracks that have any of the four stems in a folder.

    A folder belongs to the track whose file has its name; of several tracks whose files have one name, to
    that whose folder has the name of the folder around it.

    Raises:
        ValueError: no such folder, one with further sources, or several for one track.
    """
    found = _songs(folder)
    named = Counter(_name(track) for track in tracks)
    stems: dict[str, dict[str, Path]] = {}
    for track in tracks:
        homes = found.get(_name(track), {})
        if named[_name(track)] > 1:
            homes = {home: files for home, files in homes.items() if home.parent.name == _around(track)}
        if len(homes) > 1:
            raise ValueError(
                f"{folder}: expected one folder of stems for {track.name}, found "
                f"{', '.join(sorted(map(str, homes)))}; name the folder of one model"
            )
        if homes:
            stems[track.name] = next(iter(homes.values()))
    return stems


def _name(track: Track) -> str:
    return track.mixture.stem


def _around(track: Track) -> str:
    return track.mixture.parent.name


def _songs(root: Path) -> Mapping[str, dict[Path, dict[str, Path]]]:
    """Return song → folder → stem → file, of all folders below one."""
    if not root.is_dir():
        raise ValueError(f"{root}: expected the folder that a separator wrote into, there is none")
    found: dict[str, dict[Path, dict[str, Path]]] = defaultdict(dict)
    for place, folders, files in os.walk(root):
        folders.sort()
        home = Path(place)
        if stems := _stems(home, sorted(files)):
            found[_OF_OPEN_UNMIX.sub("", home.name)][home] = stems
    if not found:
        raise ValueError(
            f"{root}: expected folders of {', '.join(STEMS)}, one for each song, as Open-Unmix, Demucs or "
            "Spleeter write them; found none"
        )
    return found


def _stems(home: Path, files: Sequence[str]) -> dict[str, Path]:
    paths = [home / file for file in files if Path(file).suffix.lower() in AUDIO]
    by_source = {_OF_MSCOL.sub("", path.stem.lower()): path for path in paths}
    stems = {stem: by_source[stem] for stem in STEMS if stem in by_source}
    if stems and (more := _OTHERS & by_source.keys()):
        raise ValueError(
            f"{home}: expected four sources, found {', '.join(sorted(more))} beside them, which `other` then "
            "lacks; separate with a model of four"
        )
    return stems
