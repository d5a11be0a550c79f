"""MagnaTagATune: 25 863 clips of 29 seconds, tagged by players of a game.

Deviations: the lists of MSSPT and MSCOL lack the first three of the 15 247 tagged training clips; the task
`magnatagatune` leaves the same three out. Their label matrices have "female voice" before "metal";
`MSSPT_COLUMNS` is their order. Their code drops clips without audio silently; here that is an error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemwise.data.classes import MTAT_TAGS
from stemwise.data.tracks import DatasetInfo, Download, Track, splits

INFO = DatasetInfo(
    name="magnatagatune",
    title="MagnaTagATune, clips of 29 seconds with 188 tags",
    licence="CC BY-NC-SA, by Magnatune; research use",
    source="https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset",
    size="2.9 GB; 25 863 tagged clips, 209 hours, mono mp3 at 16 kHz; 18 706 train, 1 825 valid, 5 329 test",
    layout="annotations_final.csv, clip_info_final.csv (tab-separated), {0..9,a..f}/CLIP.mp3",
    citation="Law, West, Mandel, Bay, Downie: Evaluation of algorithms using games: the case of music "
    "tagging, ISMIR 2009",
)
_SERVER = "https://mirg.city.ac.uk/datasets/magnatagatune"
ANNOTATIONS, CLIP_INFO = "annotations_final.csv", "clip_info_final.csv"
_SHA256 = {
    "mp3.zip.001": "f857fe185968773058cc71662c2ef5d8f2d4b7338e3c122cfd52f82dcb9760b9",
    "mp3.zip.002": "fc2e1ec441755556ed1398b1808f1b08b6034372f8bc27394510c0c58cdb52ce",
    "mp3.zip.003": "83a689824c17e82f6eb81cdbc4e4ca239a4cfc1fb41f1a5c80b861caec90450f",
    ANNOTATIONS: "99b94e95825d4fa576386a5367b9c96e0ec636e9f9c240aceb492f4728f68c3c",
    CLIP_INFO: "cb6108a10d3a91f0bfd7d2fbec2382559d15f20c8d28093f14e12162a47a3e78",
}
DOWNLOADS = tuple(
    Download(
        url=f"{_SERVER}/{name}",
        megabytes=25 if name.endswith("csv") else 1000,
        checksum=f"sha256:{digits}",
        join="mp3.zip" if ".zip." in name else None,
    )
    for name, digits in _SHA256.items()
)
COUNTS = {"train": 18_706, "valid": 1_825, "test": 5_329}

CORRUPT = {
    "35644": "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    "55753": "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
    "57881": "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-"
    "le_petit_rien_xiveme_ordre_couperin-88-117.mp3",
}
"""The three clips whose mp3 is corrupt, which every protocol leaves out."""

UNLISTED = ("00029", "11268", "11269")
"""Tagged training clips that the lists of MSSPT and MSCOL lack: the first three in the order of paths."""

MSSPT_COLUMNS = (*MTAT_TAGS[:47], "female voice", "metal", *MTAT_TAGS[49:])
"""What the columns of the label matrices that MSSPT and MSCOL published stand for, and with them the outputs
of networks trained on these: "metal" and "female voice" are the other way round than in `MTAT_TAGS`."""

_FOLDERS = {
    **dict.fromkeys("0123456789ab", "train"),
    "c": "valid",
    **dict.fromkeys("def", "test"),
}


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Clips by split, sorted by path, which is the order of the published lists; without the corrupt three.

    A clip's name is its id in five digits. Its labels: `tags`, which are any of the 188, `path` without
    `.mp3`, and, where `clip_info_final.csv` is there, `title`, `artist` and `album`.

    Raises:
        ValueError: a table is missing or not as published, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    about = {row["clip_id"]: row for row in _rows(root / CLIP_INFO)} if (root / CLIP_INFO).is_file() else {}
    audio = next((home for home in (root / "mp3", root / "Audio") if home.is_dir()), root)
    clips = [_track(row, audio, about.get(row["clip_id"], {})) for row in _rows(root / ANNOTATIONS)]
    known = sorted((clip for clip in clips if clip.name not in CORRUPT), key=lambda clip: clip.labels["path"])
    return [clip for name in wanted for clip in known if clip.split == name]


def checksums(root: Path) -> dict[Path, str]:
    """Return the published checksums of the two tables."""
    return {Path(root) / name: f"sha256:{_SHA256[name]}" for name in (ANNOTATIONS, CLIP_INFO)}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; give MagnaTagATune's folder, or fetch it with "
            f"`stemwise data download magnatagatune ROOT`"
        )
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file, delimiter="\t")
        expected = {"clip_id", "mp3_path"}
        if not expected <= set(rows.fieldnames or ()):
            found = ", ".join((rows.fieldnames or ())[:3])
            raise ValueError(
                f"{path}: expected tab-separated columns with clip_id and mp3_path, found {found}"
            )
        yield from rows


def _track(row: Mapping[str, str], audio: Path, about: Mapping[str, str]) -> Track:
    number, path = row["clip_id"], row["mp3_path"] or ""
    if not number.isdigit() or path[:1] not in _FOLDERS or path[1:2] != "/":
        raise ValueError(
            f"{ANNOTATIONS} beside {audio}: expected a clip's number and a path 0/NAME.mp3 to f/NAME.mp3, "
            f"got {number!r} and {path!r}; fetch the table again"
        )
    tags = [tag for tag, value in row.items() if value == "1" and tag not in ("clip_id", "mp3_path")]
    labels: dict[str, Any] = {"tags": tags, "path": path.removesuffix(".mp3")}
    labels |= {key: about[key] for key in ("title", "artist", "album") if key in about}
    return Track(name=f"{int(number):05d}", split=_FOLDERS[path[0]], mixture=audio / path, labels=labels)
