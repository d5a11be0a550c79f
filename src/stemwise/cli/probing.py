"""`stemwise probe`: what the features of frozen encoders tell, under one protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from stemwise.probing import Items, Outcome, ProbeConfig
    from stemwise.probing.sources import Source
    from stemwise.tasks import Task


def probe(
    encoders: Positional[tuple[str, ...]],
    task: str,
    root: Path,
    out: Annotated[Path, arg(aliases=["-o"])],
    taps: tuple[str, ...] = (),
    grid: Literal["full", "linear", "small", "one"] = "full",
    baselines: Literal["both", "none"] = "both",
    checkpoint: str | None = None,
    most_steps: int = 0,
    seed: int = 0,
    cache: Path | None = None,
    workers: int = 1,
    cluster: str | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Probe encoders by jukemir's protocol: small networks on frozen features, MFCC and chroma beside them.

    Features are computed once and kept. All probes of the grid are trained together; the best on the valid
    split is tested, once. A stopped command goes on where it was. See docs/probing.md.

    Examples:
      stemwise probe runs/clmr/model --task rendered-genre --root my-set -o probes
      stemwise probe runs/clmr untrained:tune-5tail --task gtzan --root gtzan -o probes
      stemwise probe runs/clmr/model --taps all --grid linear --task rendered-key --root my-set -o probes
      stemwise probe mine.py:build --checkpoint mine.pt --task giantsteps --root giantsteps -o probes

    Args:
        encoders: names or folders of models, or folders of runs; untrained:NAME for fresh weights;
            FILE.py:FUNCTION for anything that maps audio to features.
        task: what to ask, see docs/datasets.md.
        root: folder of the task's data set.
        out: folder for probe.json, table.csv, report.html, and what a stopped command goes on from.
        taps: representations by name, or all; where none is named the default one.
        grid: which of the 216 settings: full, linear ones alone, 16 of them, or one.
        baselines: both MFCC and chroma, or none.
        checkpoint: for FILE.py:FUNCTION.
        most_steps: of each probe; 0 for no limit, as in the protocol.
        seed: of the probes.
        cache: folder of the features; cache in the root where not given.
        workers: processes that compute features.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
    """
    from dataclasses import replace

    from stemwise.data import DATASETS
    from stemwise.files import write_json, write_text
    from stemwise.names import named
    from stemwise.probing import GRIDS
    from stemwise.probing.study import document, table_csv
    from stemwise.report import write_probes
    from stemwise.report.drawing import matplotlib_or_error
    from stemwise.tasks import TASKS
    from stemwise.training import usable_device

    _check(encoders, workers, most_steps, seed)
    matplotlib_or_error()
    goal, where = named(TASKS, task, "task"), usable_device(device)
    tracks = DATASETS[goal.dataset].tracks(root)
    sources = _sources(encoders, taps, checkpoint, where, baselines == "both")
    settings = [replace(config, most_steps=most_steps, seed=seed) for config in GRIDS[grid]]
    spread, sweeper = _means(workers, cluster, where, out)
    home, rows = cache or root / "cache", []
    for source in sources:
        rows += _probe(source, goal, tracks, root, home, settings, spread, sweeper)
    results = document(goal, root, tracks, rows, settings)
    write_json(out / "probe.json", results)
    write_text(out / "table.csv", table_csv(results))
    report = write_probes(results, out)
    from stemwise.report import probes_text

    print(probes_text(results))
    print(f"the report is {report}")
    return 0


def _check(encoders: Sequence[str], workers: int, most_steps: int, seed: int) -> None:
    if not encoders:
        raise ValueError("encoders: expected one or more, got none; see `stemwise models`")
    for name, value, least in (("workers", workers, 1), ("most-steps", most_steps, 0), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")


def _sources(
    encoders: Sequence[str], taps: tuple[str, ...], checkpoint: str | None, device: str, baselines: bool
) -> list[Source]:
    """Return what is probed, the simple descriptions last; a folder of runs stands for each of them."""
    from stemwise.probing.descriptions import DESCRIPTIONS
    from stemwise.probing.sources import Source

    names = [name for given in encoders for name in _runs(given)]
    names += [name for name in DESCRIPTIONS if baselines and name not in names]
    found = []
    for name in dict.fromkeys(names):
        foreign = ".py:" in name
        own = () if foreign or name in DESCRIPTIONS else taps
        found.append(Source(name=name, taps=own, checkpoint=checkpoint if foreign else None, device=device))
    if checkpoint is not None and not any(source.checkpoint for source in found):
        raise ValueError("checkpoint: is for FILE.py:FUNCTION, of which there is none; leave it out")
    return found


def _runs(name: str) -> list[str]:
    from stemwise.evaluation import model_folders

    return list(model_folders(name).values()) if Path(name).is_dir() else [name]


def _means(workers: int, cluster: str | None, device: str, out: Path) -> tuple[Any, Any]:
    """Return what spreads the extraction, and what trains a grid of probes: here or on a cluster."""
    from stemwise.logs import progress_bar
    from stemwise.probing import sweep
    from stemwise.probing.extraction import workers as processes

    device = "cpu" if device == "mps" else device  # which lacks the double precision that scores take
    if cluster is not None:
        from stemwise.probing.cluster import on_cluster

        return on_cluster(cluster, device, out / "sweeps")

    def sweeper(grid: Sequence[ProbeConfig], items: Items, name: str) -> list[Outcome]:
        with progress_bar(f"probing {name}", len(grid)) as move:
            folder = out / "sweeps" / name
            return sweep(grid, items, device=device, folder=folder, progress=lambda done, _: move(done))

    return processes(workers), sweeper


def _probe(
    source: Source,
    task: Task,
    tracks: Sequence[Any],
    root: Path,
    cache: Path,
    grid: Sequence[ProbeConfig],
    spread: Any,
    sweeper: Callable[..., list[Outcome]],
) -> list[dict[str, Any]]:
    from stemwise.logs import progress_bar
    from stemwise.probing.extraction import extract
    from stemwise.probing.sources import extractor, shared
    from stemwise.probing.study import study

    made = extractor(shared(source))
    with progress_bar(f"listening with {made.title}", len(task.chosen(tracks))) as move:
        features = extract(
            source, task, tracks, root, cache, over=spread, progress=lambda done, _: move(done)
        )
    return study(made, features, task, grid, sweeper)
