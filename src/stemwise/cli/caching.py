"""`stemwise data prepare`: decode beforehand what a recipe will read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from stemwise.data.filling import Plan, Size, Source
    from stemwise.data.material import Material
    from stemwise.data.tracks import Track


def prepare(
    name: Positional[str],
    root: Positional[Path],
    recipe: Annotated[str, arg(name="for", metavar="RECIPE")],
    rates: tuple[int, ...] = (),
    cache: Path | None = None,
    stems: Path | None = None,
) -> int:
    """Decode what a recipe reads of a data set, once for all recipes; training does so too, unasked.

    The size is told first. A stopped command goes on where it was. Exit code 1 when files cannot be read:
    they are listed, and the others are decoded all the same.

    Examples:
      stemwise data prepare rendered my-set --for rendered-separator
      stemwise data prepare rendered my-set --for rendered-separator --rates 8000 16000 32000

    Args:
        name: of the data set.
        root: its folder.
        recipe: a recipe of `stemwise recipes`.
        rates: Hz; the recipe's own where not given.
        cache: folder of the decoded audio; `cache` in the root where not given.
        stems: folder that `data stems` wrote, for recipes that take it; `stems` in the root where not given
            and the tracks have none of their own.
    """
    from stemwise.data.filling import survey
    from stemwise.files import expect_room

    tracks, forms = _wanted(name, root, recipe, rates, stems)
    folder = cache or root / "cache"
    plans = [survey(tracks, material, root, folder) for material in forms]
    sizes = [_measured(plan) for plan in plans]
    print(f"{root} for {recipe}: {len(tracks)} tracks, {len(plans[0].wanted)} files, {_hours(sizes[0])}")
    for plan, size in zip(plans, sizes, strict=True):
        print(_beforehand(plan, size))
    free = expect_room(folder, sum(size.bytes_missing for size in sizes))
    print(f"{free / 1e9:.1f} GB are free there", flush=True)
    unreadable: dict[Source, str] = {}
    for plan in plans:
        unreadable |= _filled(plan)
    print(_table([survey(tracks, material, root, folder) for material in forms]))
    return _listed(unreadable)


def _wanted(
    name: str, root: Path, recipe: str, rates: tuple[int, ...], folder: Path | None
) -> tuple[list[Track], list[Material]]:
    """Return the tracks that a recipe reads, and in which forms they are wanted."""
    from stemwise.names import named
    from stemwise.recipes import MATERIALS
    from stemwise.recipes.reading import tracks_with_stems

    material = named(MATERIALS, recipe, "recipe")
    stems = [source for source in material.sources if source != "mixture"]
    tracks = [
        track for split in material.splits for track in tracks_with_stems(name, root, split, stems, folder)
    ]
    return tracks, list(material.at_each_rate(rates))


def _measured(plan: Plan) -> Size:
    from stemwise.data.filling import measure
    from stemwise.logs import progress_bar

    with progress_bar("reading headers", len(plan.missing)) as move:
        return measure(plan, lambda done, _: move(done))


def _hours(size: Size) -> str:
    return f"{size.seconds / 3600:.2f} h of audio"


def _beforehand(plan: Plan, size: Size) -> str:
    counts = {"of unknown length": size.unknown, "unreadable": size.unreadable}
    notes = "".join(f", {count} {what}" for what, count in counts.items() if count)
    return (
        f"{plan.material.form}: {len(plan.there)} files, {size.bytes_there / 1e6:.1f} MB there; "
        f"{len(plan.missing)} files, {size.bytes_missing / 1e6:.1f} MB to decode{notes}, into "
        f"{plan.store.folder}"
    )


def _filled(plan: Plan) -> Mapping[Source, str]:
    from stemwise.data.filling import fill
    from stemwise.logs import progress_bar

    with progress_bar(f"decoding, {plan.material.form}", len(plan.missing)) as move:
        return fill(plan, lambda done, _: move(done))


def _table(plans: list[Plan]) -> str:
    """Return what is in the cache of what was wanted, a line for each form."""
    lines = [f"{'cached':<18}{'files':>8}{'missing':>9}{'hours':>9}{'MB':>10}"]
    for plan in plans:
        samples = sum(entry.rows for entry in plan.there.values())
        hours, megabytes = samples / plan.material.sample_rate / 3600, samples * plan.store.row_bytes / 1e6
        missing = len(plan.missing) + len(plan.unreadable)
        lines.append(
            f"{plan.material.form:<18}{len(plan.there):>8}{missing:>9}{hours:>9.2f}{megabytes:>10.1f}"
        )
    return "\n".join(lines)


def _listed(unreadable: Mapping[Source, str]) -> int:
    for reason in unreadable.values():
        print("unreadable ", reason.encode(errors="backslashreplace").decode())  # names that are not UTF-8
    return 1 if unreadable else 0
