"""`stemwise separate` and `stemwise remix`: songs taken apart, and put together anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from stemwise.cli.catalogue import Device, Existing, carry_out, check_lone, cluster_runner, loaded, order

if TYPE_CHECKING:
    from stemwise.catalogue.mixing import Mix
    from stemwise.catalogue.work import Order

SEPARATOR = "demo-separator"
Form = Literal["wav", "flac", "mp3", "ogg", "m4a"]
Subtype = Literal["float", "pcm24", "pcm16"]
Peaks = Literal["keep", "fit"]
Resampling = Literal["soxr", "kaiser"]
Precision = Literal["fp32", "bf16"]


def separate(
    songs: Positional[tuple[str, ...]] = (),
    out: Annotated[Path, arg(aliases=["-o"])] = Path("stems"),
    model: str = SEPARATOR,
    stems: str = "",
    two_stems: str | None = None,
    form: Annotated[Form, arg(name="format")] = "wav",
    subtype: Subtype | None = None,
    name: str = "{folder}/{name}/{stem}",
    peaks: Peaks = "keep",
    shifts: int = 1,
    resampling: Resampling = "soxr",
    tags: bool = True,
    existing: Existing = "resume",
    lists: Annotated[tuple[str, ...], arg(name="list")] = (),
    shard: str | None = None,
    dry_run: bool = False,
    cluster: str | None = None,
    device: Device = "auto",
    precision: Precision = "fp32",
) -> int:
    """Take songs apart into drums, bass, other and vocals.

    Reads any audio or video file, folders with all below them, patterns, lists. The stems have the file's
    sample rate, channels and length, and sum to it. They are written to OUT/NAME-OF-THE-SONG/, each of them
    whole or not at all. A stopped command goes on where it was; files that cannot be read are named at the
    end, with exit code 1. See docs/catalogue.md.

    Examples:
      stemwise separate song.mp3 -o out
      stemwise separate film.mp4 -o out --two-stems vocals --format flac
      stemwise separate music/ 'more/**/*.ogg' -o out --stems vocals,drums --subtype pcm16
      find / -name '*.mp3' | stemwise separate - -o out --shard 1/4

    Args:
        songs: files, folders, patterns, or - for a list from standard input.
        out: folder for the stems' folders.
        model: name or folder of a separator, see `stemwise models`.
        stems: some of them, as in vocals,drums; all where empty.
        two_stems: write this stem, and all others as one, `rest`.
        form: of the files.
        subtype: of wav and flac; float (the default of wav) never clips, flac's default is pcm24.
        name: of the files, made of {folder}, {name}, {suffix} and {stem}.
        peaks: keep leaves levels alone, so that what is over full scale clips in all but float wav; fit turns
            all stems of such a song down by one gain. Either is said.
        shifts: mean over so many time shifts; takes as many times as long.
        resampling: soxr's filter, or, for Meta-TasNet, that of its training audio.
        tags: carry title, artist, cover and the like over.
        existing: resume redoes what changed, skip leaves any file that is there, replace redoes all.
        lists: files with a path in each line.
        shard: i/n, one of n parts that may run at the same time.
        dry_run: say what would be written, and write nothing.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
        precision: bf16 is faster where processor or GPU compute in it, and errs 30 to 40 dB below each stem.
    """
    from stemwise.processes import wait_asleep

    wait_asleep()
    _check(f"x.{form}", subtype, shifts)
    check_lone(songs, lists)
    network, sha256 = _loaded(model, device, precision, resampling)
    from stemwise.catalogue.mixing import stems_mix
    from stemwise.catalogue.naming import checked_template
    from stemwise.catalogue.planning import Layout

    mix = stems_mix(network, [stem.strip() for stem in stems.split(",") if stem.strip()], two_stems)
    needed = ("name", "stem") if len(mix.results) > 1 else ("name",)
    layout = Layout(template=checked_template(name, needed), results=tuple(mix.results), extension=f".{form}")
    written = {"subtype": subtype, "peaks": peaks, "tags": tags, "shifts": shifts}
    written |= {"resampling": resampling, "precision": precision}
    settings = {"verb": "separate", "model": sha256, "mix": dict(mix.results), **written}
    wanted = order(songs, out, settings, lists, shard, existing, layout)
    if dry_run:
        return _say_plan(wanted)
    runs_on = (cluster, model, device)
    return _carry_out(wanted, runs_on, network, mix, written, "separated")


def remix(
    songs: Positional[tuple[str, ...]] = (),
    out: Annotated[Path, arg(aliases=["-o"])] = Path("remixes"),
    drums: str | None = None,
    bass: str | None = None,
    other: str | None = None,
    vocals: str | None = None,
    rest: str | None = None,
    model: str = SEPARATOR,
    form: Annotated[Form, arg(name="format")] = "wav",
    subtype: Subtype | None = None,
    name: str = "{folder}/{name}",
    peaks: Peaks = "fit",
    shifts: int = 1,
    resampling: Resampling = "soxr",
    tags: bool = True,
    existing: Existing = "resume",
    lists: Annotated[tuple[str, ...], arg(name="list")] = (),
    shard: str | None = None,
    cluster: str | None = None,
    device: Device = "auto",
    precision: Precision = "fp32",
) -> int:
    """Give songs a new balance: louder drums, no vocals, in one step.

    Each stem is turned up or down by decibels, or muted; what is not named stays as it is. All else is as
    for `stemwise separate`.

    Examples:
      stemwise remix song.mp3 --vocals mute -o karaoke.wav
      stemwise remix song.mp3 --drums +3 --vocals mute --bass -2 -o out
      stemwise remix music/ --drums mute --format mp3 -o drumless

    Args:
        songs: files, folders, patterns, or - for a list from standard input.
        out: folder for the remixes; for a single song also a file's name, such as karaoke.wav.
        drums, bass, other, vocals, rest: decibels such as +3, or mute. A model of one stem has it and `rest`.
        model: name or folder of a separator, see `stemwise models`.
        form: of the files.
        subtype: of wav and flac.
        name: of the files, made of {folder}, {name} and {suffix}.
        peaks: fit turns a remix that is over full scale down, keep leaves it. Either is said.
        shifts: mean over so many time shifts.
        resampling: as for `stemwise separate`.
        tags: carry title, artist, cover and the like over.
        existing: resume redoes what changed, skip leaves any file that is there, replace redoes all.
        lists: files with a path in each line.
        shard: i/n, one of n parts that may run at the same time.
        cluster: address of a Ray cluster whose nodes share the disks; needs stemwise[ray].
        device: auto takes a GPU where there is one.
        precision: bf16 is faster where processor or GPU compute in it, and errs 30 to 40 dB below each stem.
    """
    from stemwise.processes import wait_asleep

    wait_asleep()
    asked = {"drums": drums, "bass": bass, "other": other, "vocals": vocals, "rest": rest}
    gains = {stem: gain for stem, gain in asked.items() if gain is not None}
    out, name, form = _single_file(songs, lists, out, name, form)
    _check(f"x.{form}", subtype, shifts)
    _check_gains(gains)
    check_lone(songs, lists)
    network, sha256 = _loaded(model, device, precision, resampling)
    from stemwise.catalogue.mixing import balance_mix
    from stemwise.catalogue.naming import checked_template
    from stemwise.catalogue.planning import Layout

    mix = balance_mix(network, gains)
    needed = () if len(songs) == 1 else ("name",)
    layout = Layout(template=checked_template(name, needed), results=tuple(mix.results), extension=f".{form}")
    written = {"subtype": subtype, "peaks": peaks, "tags": tags, "shifts": shifts}
    written |= {"resampling": resampling, "precision": precision}
    settings = {"verb": "remix", "model": sha256, "mix": dict(mix.results), **written}
    wanted = order(songs, out, settings, lists, shard, existing, layout)
    return _carry_out(wanted, (cluster, model, device), network, mix, written, "remixed")


def _loaded(model: str, device: Device, precision: Precision, resampling: Resampling) -> tuple[Any, str]:
    """Return a separator and its SHA-256."""
    from stemwise.interfaces import Separator
    from stemwise.separation import check_resampling

    network, sha256 = loaded(model, Separator, device, SEPARATOR)
    check_resampling(network, resampling)
    network.precision = precision
    return network, sha256


def _check(file: str, subtype: Subtype | None, shifts: int) -> None:
    """Refuse what no file can be written with, before anything is loaded."""
    from stemwise.data.encoders import checked_subtype

    if shifts < 1:
        raise ValueError(f"shifts: expected at least 1, got {shifts}")
    checked_subtype(Path(file), subtype)


def _check_gains(gains: dict[str, str]) -> None:
    from stemwise.catalogue.mixing import gain_of

    if not gains:
        raise ValueError("remix: expected a change, such as --drums +3 or --vocals mute")
    for stem, gain in gains.items():
        gain_of(stem, gain)


def _single_file(
    songs: tuple[str, ...], lists: tuple[str, ...], out: Path, name: str, form: Form
) -> tuple[Path, str, Any]:
    """Return the folder, name and format that `-o FILE` means, where a file's name is given."""
    from stemwise.catalogue.inputs import lone
    from stemwise.data.encoders import FORMATS

    if out.suffix.lower() not in FORMATS or out.is_dir() or not lone(songs, lists):
        return out, name, form
    escaped = out.stem.replace("{", "{{").replace("}", "}}")
    return out.parent, escaped, out.suffix.lower()[1:]


def _carry_out(
    wanted: Order,
    runs_on: tuple[str | None, str, str],
    network: Any,
    mix: Mix,
    written: dict[str, Any],
    verb: str,
) -> int:
    from stemwise.catalogue.files import FileOptions, FileSink
    from stemwise.catalogue.mixing import mixed

    how = {name: written[name] for name in ("shifts", "resampling")}
    kept = {name: written[name] for name in ("subtype", "peaks", "tags")}
    options = FileOptions(**kept, journal_failures=not wanted.lone)
    more = {"precision": network.precision, "mix": mix, "options": options, **how}
    runner = cluster_runner(*runs_on, wanted, what="files", **more)

    def compute(info: Any, blocks: Any) -> Any:
        return mixed(network, mix, info, blocks, **how)

    return carry_out(wanted, compute, lambda book: FileSink(book, options), verb, runner)


def _say_plan(wanted: Order) -> int:
    from stemwise.catalogue.work import planned_places

    there: list[int] = []
    count = 0
    skipped: Callable[[Any, Sequence[Path], bool], None] = lambda item, files, changed: there.append(1)  # noqa: E731
    for planned in planned_places(wanted, skipped):
        count += 1
        files = ", ".join(map(str, planned.targets.values()))
        print(f"{planned.item.path} → {files}".encode(errors="backslashreplace").decode())
    print(f"{count} files would be separated, {len(there)} are there; nothing was written")
    return 0
