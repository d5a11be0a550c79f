"""A rendered set on disk: whole tracks only, one way to go on, many processes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import soundfile

from stemwise import STEMS
from stemwise.data.rendered import RenderSettings
from stemwise.data.rendered.presets import Presets, survey
from stemwise.data.rendered.sampler import SAMPLE_RATE
from stemwise.data.rendered.score import midi
from stemwise.data.rendered.soundfont import SoundFont, default_soundfont, open_soundfont
from stemwise.data.rendered.track import Plan, plans, rendered
from stemwise.data.tracks import SPLITS
from stemwise.processes import spread

GENERATOR = "stemwise rendered music 2"
"""Changes whenever the same settings would give other audio or labels."""

UNFINISHED = ".unfinished"
WHOLE = ("mixture.wav", *(f"{stem}.wav" for stem in STEMS), "labels.json", "score.mid")


def render_set(
    out: Path, settings: RenderSettings, progress: Callable[[int, int], None] | None
) -> list[Path]:
    """Renders what is missing of a set; see `stemwise.data.rendered.render`."""
    font = open_soundfont(Path(settings.soundfont) if settings.soundfont else default_soundfont())
    _claim(out, settings, font, survey(font))
    todo = [plan for plan in plans(settings) if not _is_whole(_folder(out, plan))]
    done, total = settings.tracks - len(todo), settings.tracks
    report = progress or (lambda done, total: None)
    report(done, total)
    try:
        for count, _ in enumerate(_written(out, settings, font, todo), start=done + 1):
            report(count, total)
    finally:
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return [_folder(out, plan) for plan in plans(settings)]


def _folder(out: Path, plan: Plan) -> Path:
    return out / plan.split / plan.name


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in WHOLE)


def _claim(out: Path, settings: RenderSettings, font: SoundFont, presets: Presets) -> None:
    """Notes the settings in `dataset.json`, or makes sure that the folder was rendered with the same.

    Raises:
        ValueError: it was not, or it holds tracks of another origin.
    """
    wanted = _identity(settings, font, presets)
    note = out / "dataset.json"
    if note.is_file():
        try:
            found = dict(json.loads(note.read_text()))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{note}: expected a JSON object ({error}); give another folder") from error
        differing = sorted(key for key in wanted if found.get(key) != wanted[key])
        if differing:
            was = ", ".join(f"{key} {found.get(key)!r} instead of {wanted[key]!r}" for key in differing)
            raise ValueError(
                f"{out}: holds a set rendered with {was}; give the same settings or another folder"
            )
        return
    if any((out / split).is_dir() and any((out / split).iterdir()) for split in SPLITS):
        raise ValueError(
            f"{out}: holds tracks but no dataset.json, so not a rendered set; give another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    draft = out / "dataset.json.unfinished"
    draft.write_text(json.dumps(wanted, indent=2) + "\n")
    draft.replace(note)


def _identity(settings: RenderSettings, font: SoundFont, presets: Presets) -> dict[str, Any]:
    """All that decides the bytes of a set."""
    names = ("tracks", "seconds", "seed", "valid_share", "test_share", "vocal_share")
    chosen = {name: getattr(settings, name) for name in names}
    facts = {"generator": GENERATOR, "soundfont": font.path.name, "soundfont_sha256": font.sha256}
    return {**facts, "missing_presets": list(presets.missing), **chosen}


def _written(out: Path, settings: RenderSettings, font: SoundFont, todo: Sequence[Plan]) -> Iterator[None]:
    """Writes tracks, in this process or in others, and yields once for each."""
    work = partial(_write, out, settings, font.path)
    yield from spread(work, todo, settings.workers or os.cpu_count() or 1)


def _write(out: Path, settings: RenderSettings, font: Path, plan: Plan) -> None:
    """Writes a track beside the others, and puts it in its place when it is whole."""
    opened = open_soundfont(font)
    stems, song, labels = rendered(plan, settings, opened, survey(opened))
    (out / UNFINISHED).mkdir(exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=plan.name, dir=out / UNFINISHED))
    draft.chmod(0o755)
    for name, audio in stems.items():
        soundfile.write(draft / f"{name}.wav", audio.T, SAMPLE_RATE, subtype="PCM_16")
    (draft / "score.mid").write_bytes(midi(song))
    (draft / "labels.json").write_text(json.dumps(labels, indent=2) + "\n")
    folder = _folder(out, plan)
    folder.parent.mkdir(exist_ok=True)
    if folder.exists():
        # What lies there lacks a file, or it would not have been rendered again.
        shutil.rmtree(folder)
    draft.rename(folder)
