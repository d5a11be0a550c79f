"""`stemwise evaluate`, `demo` and `models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg


def evaluate(
    model: Positional[str],
    root: Path,
    dataset: str = "rendered",
    split: Literal["train", "valid", "test"] = "test",
    task: str = "rendered-tags",
    json_to: Annotated[Path | None, arg(name="json")] = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Score a separator or a classifier on a data set.

    Examples:
      stemwise evaluate demo-separator --root demo/data
      stemwise evaluate demo-tagger --root demo/data --json scores.json

    Args:
        model: name or folder of a model, see `stemwise models`.
        root: folder of the data set.
        dataset: name of the data set, see `stemwise data info`.
        split: which tracks.
        task: what a classifier is asked.
        json_to: also write all scores to this file.
        device: auto takes a GPU where there is one.
    """
    from stemwise.data import DATASETS
    from stemwise.files import write_json
    from stemwise.interfaces import Separator
    from stemwise.logs import progress_bar
    from stemwise.names import named
    from stemwise.tasks import TASKS

    tracks = named(DATASETS, dataset, "data set").tracks(root, split)
    goal = named(TASKS, task, "task")
    from stemwise import evaluation
    from stemwise.training import usable_device
    from stemwise.weights.store import find, load

    stored = find(model)
    network: Any = load(stored.folder).to(usable_device(device))
    with progress_bar("evaluating", len(tracks)) as move:
        if isinstance(network, Separator):
            scores = evaluation.evaluate_separator(network, tracks, lambda done, _: move(done))
            print(_separation_table(scores))
        else:
            scores = evaluation.evaluate_classifier(network, goal, tracks, lambda done, _: move(done))
            print(_label_table(scores))
    print(f"protocol: {scores['protocol']}; {dataset}, {split}, {len(tracks)} tracks")
    if json_to:
        facts = {"model": stored.name, "sha256": stored.card["sha256"], "dataset": dataset, "split": split}
        write_json(json_to, {**facts, **scores})
    return 0


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
    from stemwise.models import CLASSIFIERS, SEPARATORS
    from stemwise.weights.store import home, stored_models

    stored = stored_models()
    print(f"on this machine, in {home()}:")
    for model in stored:
        print(f"  {model.name:<26}{model.card.get('title', '')}")
    if not stored:
        print("  none yet; `stemwise demo` trains a separator and a tagger")
    for title, registry in (("separators", SEPARATORS), ("classifiers", CLASSIFIERS)):
        print(f"{title} that can be built:")
        for name in registry:
            print(f"  {name}")
    return 0


def _separation_table(scores: dict[str, Any]) -> str:
    """Return medians over tracks, one stem a line."""
    columns = ("mixture_si_sdr", "si_sdr", "improvement", "oracle_si_sdr", "sdr", "audible")
    head = ("stem", "mixture", "SI-SDR", "gain", "oracle", "SDR", "tracks")
    rows = [(stem, *(_number(row[c]) for c in columns)) for stem, row in scores["stems"].items()]
    return _table([head, *rows])


def _label_table(scores: dict[str, Any]) -> str:
    """Return the scores over all labels, then one label a line."""
    names = [name for name in ("accuracy", "roc_auc", "average_precision") if name in scores]
    whole = "   ".join(f"{name} {scores[name]:.3f}" for name in names)
    rows = [
        (r["label"], str(r["positives"]), _number(r["auc"], 3), _number(r["ap"], 3)) for r in scores["labels"]
    ]
    return f"{whole}\n{_table([('label', 'tracks', 'AUC', 'AP'), *rows])}"


def _number(value: float | int | None, digits: int = 2) -> str:
    if value is None or value != value:  # NaN
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
