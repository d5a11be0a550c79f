"""`stemwise data stems`: the stems of a whole data set, for what learns from mixtures and their sources."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from stemwise.cli.catalogue import Device, Existing, carry_out, cluster_runner, loaded
from stemwise.cli.separating import SEPARATOR, Precision

if TYPE_CHECKING:
    from stemwise.catalogue.files import FileOptions
    from stemwise.catalogue.forms import Form
    from stemwise.catalogue.work import Order
    from stemwise.data.tracks import Track

Split = Literal["train", "valid", "test"]


def stems(
    name: Positional[str],
    root: Positional[Path],
    separator: str = SEPARATOR,
    taken_from: Annotated[Path | None, arg(name="from")] = None,
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    splits: tuple[Split, ...] = ("train", "valid"),
    own_form: bool = False,
    shifts: int = 1,
    precision: Precision = "fp32",
    existing: Existing = "resume",
    shard: str | None = None,
    dry_run: bool = False,
    cluster: str | None = None,
    device: Device = "auto",
) -> int:
    """Extract the stems of a whole data set, or take those that another program wrote.

    They go to ROOT/stems/TRACK/STEM.flac, 16 bits, where `stemwise train mscol` finds them. The size is told
    first. A stopped command goes on where it was; tracks that cannot be read are named at the end, with exit
    code 1. See docs/catalogue.md.

    Examples:
      stemwise data stems magnatagatune mtat --separator runs/separator/model
      stemwise data stems fma-small fma --from separated/htdemucs
      stemwise data stems nsynth nsynth --shard 1/4 --device cpu

    Args:
        name: of the data set, see `stemwise data info`.
        root: its folder.
        separator: name or folder of a separator, see `stemwise models`.
        taken_from: folder that Open-Unmix, Demucs or Spleeter wrote into; songs are known by their folders'
            names.
        out: folder for the stems; `stems` in the root where not given.
        splits: whose tracks; test tracks are not needed in pre-training.
        own_form: keep the songs' sample rate and channels, instead of 16 kHz and one channel.
        shifts: mean over so many time shifts; takes as many times as long.
        precision: as for `stemwise separate`; bf16 is faster where processor or GPU compute in it.
        existing: resume redoes what changed, skip leaves any file that is there, replace redoes all.
        shard: i/n, one of n parts that may run at the same time.
        dry_run: say how much would be done, and write nothing.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
    """
    from stemwise.catalogue.files import FileOptions
    from stemwise.catalogue.forms import Form
    from stemwise.data import DATASETS
    from stemwise.data.extracted import FOLDER
    from stemwise.names import named
    from stemwise.processes import wait_asleep

    wait_asleep()
    if shifts < 1:
        raise ValueError(f"shifts: expected at least 1, got {shifts}")
    dataset = named(DATASETS, name, "data set")
    tracks = [track for split in dict.fromkeys(splits) for track in dataset.tracks(root, split)]
    if not tracks:
        raise ValueError(f"{root}: expected tracks of {', '.join(splits)}, found none")
    options = FileOptions(subtype="pcm16", tags=False, form=None if own_form else Form(16_000))
    about = {"dataset": name, "form": "the songs' own" if own_form else "16000 Hz mono"}
    wanted: dict[str, Any] = {"inputs": (), "out": out or root / FOLDER, "existing": existing}
    wanted["shard"] = _shard(shard)
    if taken_from is not None:
        return _take(tracks, taken_from, wanted, about, options, dry_run)
    about |= {"shifts": shifts, "precision": precision}
    return _separate(tracks, wanted, about, options, dry_run, (cluster, separator, device))


def _separate(
    tracks: Sequence[Track],
    wanted: dict[str, Any],
    about: dict[str, Any],
    options: FileOptions,
    dry_run: bool,
    runs_on: tuple[str | None, str, Device],
) -> int:
    from stemwise import STEMS
    from stemwise.catalogue.extraction import mixtures, separated
    from stemwise.catalogue.mixing import mixed, stems_mix
    from stemwise.catalogue.work import Order
    from stemwise.chunks import stem_names
    from stemwise.interfaces import Separator

    cluster, name, device = runs_on
    network, sha256 = loaded(name, Separator, device, SEPARATOR)
    mix = stems_mix(network, [stem for stem in stem_names(network) if stem in STEMS])
    network.precision = about["precision"]
    about = {**about, "separator": sha256}
    layout = separated(tuple(mix.results))
    order = Order(settings=about, layout=layout, found=mixtures(tracks), **wanted)
    if not _announced(order, options.form, dry_run, name=name, stems=list(mix.results)):
        return 0
    how: dict[str, Any] = {"shifts": about["shifts"]}
    more = {"precision": network.precision, "mix": mix, "options": options, **how}
    runner = cluster_runner(cluster, name, device, order, what="files", **more)

    def compute(info: Any, blocks: Any) -> Any:
        return mixed(network, mix, info, blocks, form=options.form, **how)

    return _carry_out(order, compute, options, "separated", runner)


def _take(
    tracks: Sequence[Track],
    folder: Path,
    wanted: dict[str, Any],
    about: dict[str, Any],
    options: FileOptions,
    dry_run: bool,
) -> int:
    from stemwise.catalogue.extraction import TAKEN, ready_made
    from stemwise.catalogue.work import Order
    from stemwise.data.foreign_stems import foreign_stems

    found = foreign_stems(tracks, folder)
    lacking = [track.name for track in tracks if track.name not in found]
    if not found:
        raise ValueError(
            f"{folder}: expected folders named as the songs, such as {tracks[0].mixture.stem}; found none"
        )
    about = {**about, "from": str(folder.absolute())}
    order = Order(settings=about, layout=TAKEN, found=ready_made(found), **wanted)
    code = 0
    if _announced(order, options.form, dry_run):
        form = options.form

        def compute(info: Any, blocks: Any) -> Any:
            pieces = (block[None] for block in blocks)
            return form.bring(info, pieces) if form else pieces

        code = _carry_out(order, compute, options, "taken")
    if lacking:
        print(
            f"stemwise: {len(lacking)} of {len(tracks)} tracks have no folder in {folder}, "
            f"{lacking[0]} first",
            file=sys.stderr,
        )
    return 1 if lacking else code


def _announced(order: Order, form: Form | None, dry_run: bool, **about: Any) -> bool:
    """Say how much is to be done, and claim the folder; return whether to go on."""
    from stemwise.catalogue.extraction import claim, measure
    from stemwise.catalogue.work import planned_places
    from stemwise.files import expect_room

    there: list[int] = []
    planned = list(planned_places(order, lambda item, files, changed: there.append(1)))
    size = measure(planned, form)
    almost = "" if size.exact else "about "
    print(
        f"{order.out}: {len(there)} files are done, {size.files} to do, {almost}{size.seconds / 3600:.2f} h; "
        f"at most {almost}{size.bytes / 1e6:.1f} MB"
    )
    free = expect_room(order.out, size.bytes, "--out")
    print(f"{free / 1e9:.1f} GB are free there", flush=True)
    if dry_run:
        return False
    claim(order.out, order.about, order.existing == "replace", **about)
    return True


def _carry_out(order: Order, compute: Any, options: FileOptions, verb: str, runner: Any = None) -> int:
    from stemwise.catalogue.files import FileSink

    return carry_out(order, compute, lambda book: FileSink(book, options), verb, runner)


def _shard(text: str | None) -> Any:
    from stemwise.catalogue.journal import shard_of

    return shard_of(text)
