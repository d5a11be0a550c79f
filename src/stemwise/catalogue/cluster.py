"""The same work on the nodes of a Ray cluster, which share the disks.

Each file is a task of its own: a worker decodes it, runs the network and writes its files, or sends its rows
back. Ray does a task again, on another node, when the node that had it is gone; files are renamed into their
places, so a second time does no harm. The journal stays with the one process that gives out the tasks.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any, Literal

from stemwise.catalogue.files import FileOptions, FileSink, write_results
from stemwise.catalogue.listening import tags, vectors
from stemwise.catalogue.mixing import Mix, mixed
from stemwise.catalogue.pipeline import BLOCK_S, Cancelled, Compute, Sink, reason_of
from stemwise.catalogue.planning import Planned
from stemwise.catalogue.tally import Tally
from stemwise.data.audio import open_audio
from stemwise.data.decoders import AudioInfo
from stemwise.interfaces import Precision
from stemwise.spans import Resampling

_AHEAD = 2
"""Tasks given out for each processor of the cluster."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a worker does with each file.

    Attributes:
        model: folder of the model.
        device: where it runs.
        precision: of a separator.
        what: results as files, or rows of tags or vectors.
        mix, shifts, resampling, options, work: of files.
    """

    model: str
    device: str
    precision: Precision = "fp32"
    what: Literal["files", "tags", "vectors"]
    mix: Mix | None = None
    shifts: int = 1
    resampling: Resampling = "soxr"
    options: FileOptions | None = None
    work: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a file: its info and its gain or its pieces, or the reason why it failed.

    `disk` says that an output could not be written, which stops the run.
    """

    info: AudioInfo | None = None
    result: Any = None
    damage: str = ""
    seconds: float = 0.0
    reason: str = ""
    disk: bool = False


def on_cluster(
    address: str, errand: Errand
) -> Callable[[Iterable[Planned], Compute, Sink, Tally, Event | None], None]:
    """Return what works on the files of a plan as `pipeline.run` does, on a cluster.

    Args:
        address: of the cluster, such as `auto` or `host:6379`, or `local` for this machine alone.
        errand: what is done with each file.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    ray = connect(address)
    gpus = 1 if errand.device != "cpu" and ray.cluster_resources().get("GPU") else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=-1)(carried_out)

    def run(
        plan: Iterable[Planned], compute: Compute, sink: Sink, tally: Tally, cancel: Event | None
    ) -> None:
        waiting: dict[Any, Planned] = {}
        try:
            for planned in plan:
                if planned.item.problem:
                    _keep(planned, Outcome(reason=planned.item.problem), sink, tally)
                    continue
                while len(waiting) >= _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))):
                    _collect(ray, waiting, sink, tally, cancel)
                waiting[task.remote(errand, _absolute(planned))] = planned
            while waiting:
                _collect(ray, waiting, sink, tally, cancel)
        finally:
            for left in waiting:
                ray.cancel(left, force=True)
            sink.finish()
            if errand.work is not None:  # a node that was lost left its files half-written
                for aside in errand.work.iterdir():
                    shutil.rmtree(aside, ignore_errors=True)

    return run


def carried_out(errand: Errand, planned: Planned) -> Outcome:
    """Do an errand for one file; runs in a worker, which loads the model once."""
    info, seconds = None, 0.0
    model = _model(errand.model, errand.device, errand.precision)
    try:
        with open_audio(planned.item.path) as audio:
            info = audio.info
            blocks = audio.blocks(audio.sample_rate * BLOCK_S)
            if errand.what == "files":
                assert errand.mix is not None and errand.options is not None and errand.work is not None
                how: Any = {"shifts": errand.shifts, "resampling": errand.resampling}
                how["form"] = errand.options.form
                pieces = mixed(model, errand.mix, info, blocks, **how)
                result: Any = write_results(errand.work, planned, info, pieces, errand.options)
            else:
                look = (tags if errand.what == "tags" else vectors)(model)
                result = list(look(info, blocks))
            seconds = (info.samples or 0) / info.sample_rate
            return Outcome(info=info, result=result, damage=audio.damage, seconds=seconds)
    except OSError as error:
        return Outcome(reason=reason_of(error), disk=info is not None)
    except Exception as error:  # as in the pipeline: whatever a file does to us is listed
        return Outcome(reason=reason_of(error))


@cache
def _model(folder: str, device: str, precision: Precision) -> Any:
    from stemwise.training import usable_device
    from stemwise.weights.store import load

    model: Any = load(folder).to(usable_device(device))
    model.precision = precision
    return model


def _collect(ray: Any, waiting: dict[Any, Planned], sink: Sink, tally: Tally, cancel: Event | None) -> None:
    """Keep the results of some tasks."""
    ready, _ = ray.wait(list(waiting), num_returns=1, timeout=1.0)
    if cancel is not None and cancel.is_set():
        raise Cancelled("stopped")
    for done in ready:
        _keep(waiting.pop(done), ray.get(done), sink, tally)


def _keep(planned: Planned, outcome: Outcome, sink: Sink, tally: Tally) -> None:
    if outcome.disk:
        raise OSError(outcome.reason)
    planned.damage = outcome.damage
    if outcome.info is None:
        sink.fail(planned, outcome.reason)
        tally.fail(str(planned.item.path), outcome.reason)
        return
    if isinstance(sink, FileSink):
        sink.note(planned, outcome.result)
    else:
        sink.take(planned, outcome.info, outcome.result)
    tally.add(done=1, damaged=int(bool(planned.damage)), seconds=outcome.seconds)


def _absolute(planned: Planned) -> Planned:
    """Return the same with absolute paths: workers run in folders of their own."""
    targets = {name: path.absolute() for name, path in planned.targets.items()}
    return replace(planned, item=replace(planned.item, path=Path(planned.item.identity)), targets=targets)


def connect(address: str) -> Any:
    """Return Ray, joined with a cluster.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise ValueError("cluster: needs Ray: pip install 'stemwise[ray]'") from error
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ValueError(f"cluster: expected a Ray cluster at {address!r}, found none ({error})") from error
    return ray
