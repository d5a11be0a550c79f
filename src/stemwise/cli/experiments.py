"""`stemwise demo` and `models`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def demo(
    out: Path = Path("demo"),
    size: Literal["full", "tiny"] = "full",
    seed: int = 0,
    soundfont: Path | None = None,
) -> int:
    """Render music, train a separator and taggers on it, evaluate them, and write a report.

    Takes less than ten minutes on two cores. Stages that are done are not done again. The separator and
    the tagger that learned from it are kept for `stemwise separate` and `stemwise tag`.

    Examples:
      stemwise demo
      stemwise demo --out /tmp/demo --seed 1

    Args:
        out: folder for everything.
        size: full, or a tiny one that only shows that everything runs.
        seed: of the music and the weights.
        soundfont: a General MIDI sf2 or sf3 file; pretty_midi's where not given.
    """
    from stemwise.demo import SIZES, run_demo

    summary = run_demo(out, SIZES[size], seed=seed, soundfont=str(soundfont) if soundfont else None)
    print(summary)
    return 0


def models() -> int:
    """List the models on this machine, and the architectures that can be built.

    Examples:
      stemwise models
    """
    from stemwise.models import CLASSIFIERS, ENCODERS, SEPARATORS
    from stemwise.weights.store import home, stored_models

    stored = stored_models()
    print(f"on this machine, in {home()}:")
    for model in stored:
        print(f"  {model.name:<26}{model.card.get('title', '')}")
    if not stored:
        print("  none yet; `stemwise demo` trains a separator and a tagger")
    registries = (("separators", SEPARATORS), ("encoders", ENCODERS), ("classifiers", CLASSIFIERS))
    for title, registry in registries:
        print(f"{title} that can be built:")
        for name in registry:
            print(f"  {name}")
    return 0
