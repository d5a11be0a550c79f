"""Meta-TasNet beside the U-Net, both trained for the same time on the same rendered music.

`python benchmarks/equal_time.py --root MY-SET --out FOLDER --seconds 600`: a few steps tell how long a step
takes; each network then gets the steps that fit, so that its learning rate ends where its recipe says. On a
CPU the processor's time is what is shared out, since a machine's other programs slow the clock and not that;
on a GPU the clock's. Writes `report.html`, `results.json` and both models to the folder; what it already
holds is not done again.

On a machine with a GPU, in some minutes, the set rendered there (`--workers 0` takes all cores):

    stemwise data render my-set --tracks 400 --workers 0 --no-card
    python benchmarks/equal_time.py --root my-set --out FOLDER --device cuda --seconds 120 --songs 20 \\
        --workers 8
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from equal_time_page import ARMS, markdown, page

from stemwise.data.rendered import tracks
from stemwise.data.tracks import Track
from stemwise.evaluation import SEPARATION_TASKS, evaluate_musdb18, evaluate_separator
from stemwise.files import write_json
from stemwise.interfaces import Separator
from stemwise.logs import progress_bar
from stemwise.recipes import RECIPES
from stemwise.training import Machine, Run, fit
from stemwise.weights.store import find, load, save

PILOT, LEFT_OUT = 8, 3
"""Steps that are timed on a CPU, and how many of them are not, as memory is new to them."""
GPU_PILOT = 60
"""Steps on a GPU, the later half of which is timed."""
MACHINES = {"cpu": "a processor", "cuda": "a GPU"}


def main() -> None:
    """Train both, score both, and write the report."""
    given = _arguments()
    if given.threads:
        torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    arms = {name: _arm(name, given) for name in given.only or ARMS}
    if len(arms) < len(ARMS):
        return
    songs = {"train": len(tracks(given.root, "train")), "test": len(_test(given))}
    facts = {"seconds": given.seconds, "machine": MACHINES[given.device], "threads": given.threads}
    results = {**facts, "seed": given.seed, "songs": songs, "arms": arms}
    write_json(given.out / "results.json", results)
    (given.out / "report.html").write_text(page(results), encoding="utf-8")
    print(markdown(results))
    print(f"the report is {given.out / 'report.html'}")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="a rendered set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="folder of the trainings; `work` in OUT where not given")
    parser.add_argument("--seconds", type=float, default=600.0, help="of training, for each network")
    parser.add_argument("--device", choices=list(MACHINES), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "auto"), default="fp32")
    parser.add_argument("--batch-size", type=int, default=0, help="of both; 0 for the recipes'")
    parser.add_argument("--songs", type=int, default=0, help="of the test split that are scored; 0 for all")
    parser.add_argument("--workers", type=int, default=1, help="processes that score songs")
    parser.add_argument("--threads", type=int, default=1, help="of the processor; 0 leaves it to torch")
    parser.add_argument("--only", choices=list(ARMS), nargs="*", help="train these and stop")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _arm(name: str, given: Any) -> dict[str, Any]:
    """Return what one network came to: steps, seconds, curve, scores."""
    folder = (given.work or given.out / "work") / name
    kept = folder / "arm.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    machine = Machine(device=given.device, threads=given.threads, precision=given.precision)

    def run(steps: int) -> Run:
        options = {"period": steps} if name == "rendered-meta-tasnet" else {}
        options |= {"batch_size": given.batch_size} if given.batch_size else {}
        return RECIPES[name](root=given.root, steps=steps, seed=given.seed, **options)

    plan = folder / "steps.json"  # a run that was stopped goes on with as many
    if not plan.is_file():
        per_step = _seconds_per_step(run, folder / "pilot", machine)
        write_json(plan, {"steps": max(1, round(given.seconds / per_step))})
    steps = json.loads(plan.read_text())["steps"]
    resumed = (folder / "history.csv").is_file()
    began, clock = time.process_time(), time.monotonic()
    wanted = run(steps)
    history = fit(wanted, folder, machine)
    spent: dict[str, float | None] = {"cpu_seconds": None, "clock_seconds": None}
    if not resumed:  # nobody knows what a process took that was killed
        spent = {"cpu_seconds": time.process_time() - began, "clock_seconds": time.monotonic() - clock}
    about = {
        "title": ARMS[name],
        "data": f"rendered by stemwise, {len(tracks(given.root, 'train'))} songs; the soundfont is not ours",
        "protocol": f"recipe {name}, {steps} steps in {given.seconds:.0f} s of {MACHINES[given.device]}",
        "licence": "MIT",
    }
    save(wanted.model.cpu(), given.out / name, about)
    result = {
        **spent,
        "steps": steps,
        "parameters": sum(p.numel() for p in wanted.model.parameters()),
        "loss": [row["loss"] for row in history],
        **_scores(given.out / name, given),
    }
    write_json(kept, result)
    return result


def _scores(folder: Path, given: Any) -> dict[str, Any]:
    """Return SI-SDR beside the mixture's and an ideal mask's, and BSSEval's scores as on MUSDB18."""
    model, test = cast(Separator, load(folder)).to(given.device), _test(given)
    with progress_bar("evaluating", len(test)) as move:
        scores = evaluate_separator(model, test, lambda done, _: move(done))
    with progress_bar("scoring", len(test)) as move:
        found = evaluate_musdb18(
            find(folder),
            test,
            task=SEPARATION_TASKS["musdb18"],
            dataset="rendered",
            split="test",
            music="rendered music",
            device=given.device,
            workers=given.workers,
            progress=lambda done, _: move(done),
        )
    return {"scores": scores, "bss": {key: found.document[key] for key in ("stems", "per_track")}}


def _test(given: Any) -> list[Track]:
    """Return the songs that are scored, from all over the split."""
    found = tracks(given.root, "test")
    return found[:: max(1, len(found) // given.songs)][: given.songs] if given.songs else found


def _seconds_per_step(run: Callable[[int], Run], folder: Path, machine: Machine) -> float:
    """Return the seconds for a step, the first few not counted: a processor's, or a GPU's by the clock."""
    if machine.device != "cpu":
        history = fit(run(GPU_PILOT), folder / str(GPU_PILOT), machine, progress=False)
        return statistics.median(row["seconds"] for row in history[GPU_PILOT // 2 :])
    spent = []
    for steps in (LEFT_OUT, LEFT_OUT + PILOT):
        wanted = run(steps)
        began = time.process_time()
        fit(wanted, folder / str(steps), machine, progress=False)
        spent.append(time.process_time() - began)
    return max(1e-3, (spent[1] - spent[0]) / PILOT)


if __name__ == "__main__":
    main()
