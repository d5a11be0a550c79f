"""Extraction and sweeps on the nodes of a Ray cluster, which share the disks.

Each file is a task, and so are the probes of each shape. What a task has finished lies in the sweep's folder,
so that it is not done again where a node is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.catalogue.cluster import connect
from stemwise.probing.extraction import Job, Spread
from stemwise.probing.grid import ProbeConfig
from stemwise.probing.items import Items
from stemwise.probing.study import Sweeper
from stemwise.probing.sweep import Outcome, shapes, sweep

Work = Callable[[Job], tuple[int, np.ndarray]]


def on_cluster(address: str, device: str, folder: Path) -> tuple[Spread, Sweeper]:
    """Return what extracts features and what trains probes, as here, on a cluster.

    Args:
        address: of the cluster, such as `auto` or `host:6379`, or `local` for this machine alone.
        device: where networks and probes run.
        folder: of the sweeps, on a disk that all nodes share.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    ray = connect(address)
    gpus = 1 if device != "cpu" and ray.cluster_resources().get("GPU") else 0
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=-1)

    def spread(work: Work, jobs: Sequence[Job]) -> Iterator[tuple[int, np.ndarray]]:
        task, known = remote(_called), ray.put(work)
        yield from _done(ray, [task.remote(known, job) for job in jobs])

    def sweeper(grid: Sequence[ProbeConfig], items: Items, name: str) -> list[Outcome]:
        task, known = remote(_swept), ray.put(items)
        parts, home = shapes(grid), (folder / name).absolute()
        configs = [[grid[place] for place in part] for part in parts]
        wanted = [task.remote(i, part, known, device, home) for i, part in enumerate(configs)]
        found: dict[int, Outcome] = {}
        for number, outcomes in _done(ray, wanted):
            found |= dict(zip(parts[number], outcomes, strict=True))
        return [found[place] for place in range(len(grid))]

    return spread, sweeper


def _called(work: Work, job: Job) -> tuple[int, np.ndarray]:
    return work(job)


def _swept(
    number: int, configs: Sequence[ProbeConfig], items: Items, device: str, folder: Path
) -> tuple[int, list[Outcome]]:
    outcomes = sweep(configs, items, device=device, folder=folder)
    return number, outcomes


def _done(ray: Any, waiting: list[Any]) -> Iterator[Any]:
    """Yield what becomes of tasks, as they are done; give up on the others where one fails."""
    try:
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=1)
            for one in ready:
                try:
                    yield ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
    finally:
        for left in waiting:
            ray.cancel(left, force=True)
