"""`stemwise tag` and `stemwise embed`: what songs sound like, as tables for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from stemwise.cli.catalogue import Device, Existing, carry_out, check_lone, cluster_runner, loaded, order

TAGGER = "demo-tagger"


def tag(
    songs: Positional[tuple[str, ...]] = (),
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    model: str = TAGGER,
    top: int = 12,
    timeline: bool = False,
    form: Annotated[Literal["parquet", "csv", "json"], arg(name="format")] = "csv",
    json_to: Annotated[Path | None, arg(name="json")] = None,
    plot: Path | None = None,
    existing: Existing = "resume",
    lists: Annotated[tuple[str, ...], arg(name="list")] = (),
    shard: str | None = None,
    cluster: str | None = None,
    device: Device = "auto",
) -> int:
    """Say what songs sound like: each tag with its probability.

    Without --out a table is printed for each song. With it, rows for all songs are written to a folder in
    parts, and a stopped command goes on where it was. See docs/catalogue.md.

    Examples:
      stemwise tag song.mp3
      stemwise tag song.mp3 --top 30 --json tags.json
      stemwise tag song.mp3 --timeline --plot timeline.svg
      stemwise tag music/ -o tags --format parquet

    Args:
        songs: files, folders, patterns, or - for a list from standard input.
        out: folder for the table's parts: a row for each song, or for each of its windows.
        model: name or folder of a tagger, see `stemwise models`.
        top: how many tags to print.
        timeline: tags of each window, not their mean over the song.
        form: of the table; json is a JSON object in each line, parquet needs stemwise[parquet].
        json_to: also write all tags of a single song to this file.
        plot: draw a single song's timeline into this file (svg, png or pdf); needs stemwise[train].
        existing: skip and resume leave songs that have rows, replace starts the table anew.
        lists: files with a path in each line.
        shard: i/n, one of n parts that may run at the same time.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
    """
    from stemwise.catalogue.inputs import lone
    from stemwise.catalogue.tables import check_format
    from stemwise.interfaces import Classifier

    if top < 1:
        raise ValueError(f"top: expected at least 1, got {top}")
    if (json_to or plot) and not lone(songs, lists):
        raise ValueError("json and plot: expected a single song; use -o FOLDER --format json for many")
    if plot:
        _check_plot(plot)
    check_lone(songs, lists)
    if out is not None:
        check_format(form)
    network, sha256 = loaded(model, Classifier, device, TAGGER)
    if out is None:
        return _print_tags(network, model, songs, lists, top, timeline, json_to, plot)
    if json_to or plot:
        raise ValueError("out: expected either -o, or --json and --plot; leave one out")
    from stemwise.catalogue.listening import tag_rows, tags
    from stemwise.catalogue.tables import TableSink

    settings = {"verb": "tag", "model": sha256, "timeline": timeline, "format": form}
    wanted = order(songs, out, settings, lists, shard, existing)
    rows = tag_rows(network, timeline)
    runner = cluster_runner(cluster, model, device, wanted, what="tags")
    return carry_out(
        wanted, tags(network), lambda book: TableSink(book, form, rows, wanted.about), "tagged", runner
    )


def embed(
    songs: Positional[tuple[str, ...]] = (),
    out: Annotated[Path, arg(aliases=["-o"])] = Path("embeddings"),
    model: str = TAGGER,
    form: Annotated[Literal["parquet", "npz"], arg(name="format")] = "npz",
    mean: bool = False,
    existing: Existing = "resume",
    lists: Annotated[tuple[str, ...], arg(name="list")] = (),
    shard: str | None = None,
    cluster: str | None = None,
    device: Device = "auto",
) -> int:
    """Turn songs into vectors: one for each window, or their mean.

    Writes a table in parts, with the columns file, window, start_s and vector. A stopped command goes on
    where it was. See docs/catalogue.md.

    Examples:
      stemwise embed song.mp3 -o vectors
      stemwise embed music/ -o vectors --format parquet --mean

    Args:
        songs: files, folders, patterns, or - for a list from standard input.
        out: folder for the table's parts.
        model: name or folder of a tagger, see `stemwise models`.
        form: of the parts; parquet needs stemwise[parquet].
        mean: one vector for each song.
        existing: skip and resume leave songs that have rows, replace starts the table anew.
        lists: files with a path in each line.
        shard: i/n, one of n parts that may run at the same time.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
    """
    from stemwise.catalogue.tables import TableSink, check_format
    from stemwise.interfaces import Classifier

    check_format(form)
    check_lone(songs, lists)
    network, sha256 = loaded(model, Classifier, device, TAGGER)
    from stemwise.catalogue.listening import vector_rows, vectors

    settings = {"verb": "embed", "model": sha256, "mean": mean, "format": form}
    wanted = order(songs, out, settings, lists, shard, existing)
    rows = vector_rows(network, mean)
    runner = cluster_runner(cluster, model, device, wanted, what="vectors")
    return carry_out(
        wanted, vectors(network), lambda book: TableSink(book, form, rows, wanted.about), "embedded", runner
    )


def _print_tags(
    network: Any,
    model: str,
    songs: Sequence[str],
    lists: Sequence[str],
    top: int,
    timeline: bool,
    json_to: Path | None,
    plot: Path | None,
) -> int:
    """Print a table of each song; return the exit code."""
    from stemwise.catalogue.inputs import items, lone
    from stemwise.catalogue.pipeline import reason_of
    from stemwise.embedding import over_windows

    failed: list[str] = []
    found = 0
    for item in items(songs, lists):
        found += 1
        try:
            if item.problem:
                raise ValueError(f"{item.path}: {item.problem}")
            chances = _chances(network, item.path)
        except (ValueError, OSError) as error:
            if lone(songs, lists):
                raise
            failed.append(reason_of(error))
            continue
        if not lone(songs, lists):
            print(f"{'' if found == 1 else chr(10)}{item.path}".encode(errors="backslashreplace").decode())
        ranked = _ranked(network.classes, over_windows(network, chances))
        print(_timeline_table(network, chances, ranked[:top]) if timeline else _bars(ranked[:top]))
        if json_to:
            _write_json(json_to, item.path, model, network, ranked, chances if timeline else None)
        if plot:
            from stemwise.report.timeline import draw_timeline

            draw_timeline(plot, item.path.stem, _starts(network, len(chances)), _columns(network, chances))
    if not found:
        raise ValueError(f"{', '.join([*songs, *lists])}: expected audio or video files, found none")
    for reason in failed:
        print(f"stemwise: {reason.encode(errors='backslashreplace').decode()}", file=sys.stderr)
    return 1 if failed else 0


def _chances(network: Any, path: Path) -> Any:
    import numpy as np

    from stemwise.data.audio import open_audio
    from stemwise.embedding import tag_windows

    with open_audio(path) as audio:
        blocks = audio.blocks(audio.sample_rate * 10)
        return np.concatenate(list(tag_windows(network, blocks, audio.sample_rate, audio.channels)))


def _ranked(classes: Sequence[str], chances: Any) -> list[tuple[str, float]]:
    return sorted(zip(classes, chances.tolist(), strict=True), key=lambda pair: -pair[1])


def _bars(ranked: Sequence[tuple[str, float]]) -> str:
    width = max(20, *(len(name) + 1 for name, _ in ranked))
    return "\n".join(f"{name:<{width}}{chance:6.2f}  {'█' * round(30 * chance)}" for name, chance in ranked)


def _timeline_table(network: Any, chances: Any, ranked: Sequence[tuple[str, float]]) -> str:
    """Return a row for each window and a column for each of the first tags, eight at most."""
    columns = _columns(network, chances)
    names = [name for name, _ in ranked[:8]]
    widths = [max(6, len(name)) for name in names]
    head = "  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    lines = [f"{'time':>8}  {head}"]
    for row, start in enumerate(_starts(network, len(chances))):
        cells = "  ".join(f"{columns[n][row]:>{w}.2f}" for n, w in zip(names, widths, strict=True))
        lines.append(f"{int(start // 60):>3}:{start % 60:04.1f}  {cells}")
    return "\n".join(lines)


def _starts(network: Any, windows: int) -> list[float]:
    from stemwise.catalogue.listening import starts_s

    return starts_s(network, windows).tolist()


def _columns(network: Any, chances: Any) -> Mapping[str, list[float]]:
    return {name: chances[:, k].tolist() for k, name in enumerate(network.classes)}


def _write_json(
    path: Path, song: Path, model: str, network: Any, ranked: Sequence[tuple[str, float]], windows: Any
) -> None:
    from stemwise.files import write_json

    document: dict[str, Any] = {"song": str(song), "model": model, "tags": dict(ranked)}
    if windows is not None:
        starts, columns = _starts(network, len(windows)), _columns(network, windows)
        document["timeline"] = {"start_s": starts, **columns}
    write_json(path, document)


def _check_plot(plot: Path) -> None:
    from stemwise.report.drawing import matplotlib_or_error

    matplotlib_or_error()
    if plot.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise ValueError(f"{plot}: expected a name that ends in .svg, .png or .pdf; rename it")
