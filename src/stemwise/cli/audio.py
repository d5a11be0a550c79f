"""`stemwise separate` and `stemwise tag`: what to do with a song."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

SEPARATOR, TAGGER = "demo-separator", "demo-tagger"


def separate(
    song: Positional[Path],
    out: Annotated[Path, arg(aliases=["-o"])] = Path("stems"),
    model: str = SEPARATOR,
    subtype: Literal["float", "pcm24", "pcm16"] = "float",
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Take a song apart into drums, bass, other and vocals.

    Reads any audio or video file. The stems have its sample rate, channels and length, and sum to it.
    They are written to OUT/NAME-OF-THE-SONG/, all of them whole or none.

    Examples:
      stemwise separate song.mp3 -o out
      stemwise separate film.mp4 -o out --subtype pcm16

    Args:
        song: the file.
        out: folder for the stems' folder.
        model: name or folder of a separator, see `stemwise models`.
        subtype: of the wav files; float never clips.
        device: auto takes a GPU where there is one.
    """
    from stemwise.data.audio import probe
    from stemwise.interfaces import Separator

    probe(song)  # a bad file is refused before the model is loaded
    network = _load(model, Separator, device)
    from stemwise.separation import separate_file

    for path in separate_file(network, song, out / song.stem, subtype=subtype).values():
        print(path)
    return 0


def tag(
    song: Positional[Path],
    model: str = TAGGER,
    top: int = 12,
    json_to: Annotated[Path | None, arg(name="json")] = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Say what a song sounds like: each tag with its probability.

    Examples:
      stemwise tag song.mp3
      stemwise tag song.mp3 --top 30 --json tags.json

    Args:
        song: any audio or video file.
        model: name or folder of a tagger, see `stemwise models`.
        top: how many tags to print.
        json_to: also write all tags to this file.
        device: auto takes a GPU where there is one.
    """
    from stemwise.data.audio import open_audio, probe
    from stemwise.interfaces import Classifier

    if top < 1:
        raise ValueError(f"top: expected at least 1, got {top}")
    probe(song)
    network = _load(model, Classifier, device)
    from stemwise import embedding

    with open_audio(song) as audio:
        blocks = audio.blocks(audio.sample_rate * 10)
        chances = embedding.tag(network, blocks, audio.sample_rate, audio.channels)
    ranked = sorted(zip(network.classes, chances.tolist(), strict=True), key=lambda pair: -pair[1])
    for name, chance in ranked[:top]:
        print(f"{name:<20}{chance:6.2f}  {'█' * round(30 * chance)}")
    if json_to:
        from stemwise.files import write_json

        write_json(json_to, {"song": str(song), "model": model, "tags": dict(ranked)})
    return 0


def _load(name: str, kind: type, device: str) -> Any:
    """Return a stored model of this kind on its device."""
    from stemwise.training import usable_device
    from stemwise.weights.store import load, stored_models

    if name in (SEPARATOR, TAGGER) and name not in [model.name for model in stored_models()]:
        raise ValueError(f"no model {name!r} on this machine yet; `stemwise demo` trains one in ten minutes")
    model = load(name)
    if not isinstance(model, kind):
        raise ValueError(f"{name}: expected a {kind.__name__.lower()}, got a {type(model).__name__}")
    return model.to(usable_device(device))
