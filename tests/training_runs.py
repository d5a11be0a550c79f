"""Small trainings to test with, their data, and processes that train; as a script, this file trains one."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemwise.data.activity import Segments
from stemwise.data.clips import CropBatches
from stemwise.data.logmels import LogMelCache
from stemwise.data.mixing import RemixBatches
from stemwise.data.pairs import SourcePairs
from stemwise.data.views import ViewBatches
from stemwise.interfaces import ALL, Batch, Batches, Encoder, Tap
from stemwise.models import CLASSIFIERS, ENCODERS, SEPARATORS
from stemwise.objectives.contrastive import SourceContrastPictures
from stemwise.objectives.separation import BalancedL1, WaveformL1
from stemwise.objectives.simclr import SimCLR
from stemwise.objectives.supervised import Supervised
from stemwise.signal.augment.chain import Augmentation
from stemwise.training import Machine, ObjectiveLoss, Optimiser, Run, Schedule, Validation, fit
from synth import memory_cache, tiny

SAMPLES = 3840
CPU = Machine(device="cpu", precision="fp32", checkpoint_s=0.0)
"""Checkpoints after every step."""


def separation(**given: Any) -> Run:
    torch.manual_seed(0)
    model = replace(SEPARATORS["half-multisource"], widths=(4,) * 3, head_width=4).build()
    run = Run(
        model=model,
        objective=BalancedL1(),
        data=RemixBatches(memory_cache(), batch_size=2, samples=SAMPLES, seed=0),
        optimiser=Optimiser(learning_rate=3e-3, clip_norm=5.0),
        schedule=Schedule(warmup=2, flat=0.5, shape="cosine"),
        steps=10,
        seed=0,
        config={"test": "separation"},
    )
    return replace(run, **given)


def classification(**given: Any) -> Run:
    torch.manual_seed(0)
    run = Run(
        model=tiny(CLASSIFIERS["half-tail"]).build(),
        objective=Supervised(target="multilabel"),
        data=CropBatches(memory_cache(sources=1), np.eye(3), batch_size=2, samples=61_792, seed=0),
        optimiser=Optimiser(name="adamw", learning_rate=1e-3, weight_decay=0.01),
        schedule=Schedule(),
        steps=10,
        seed=0,
        config={"test": "classification"},
    )
    return replace(run, **given)


class Filters(nn.Module):
    """A separator without batch statistics: mixture "b 1 t" to stems "b 4 1 t"."""

    def __init__(self, width: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        layers = [nn.Conv1d(1, width, 9, padding=4), nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Conv1d(width, 4, 9, padding=4))

    def forward(self, mixture: Tensor) -> Tensor:
        return self.layers(mixture)[:, :, None]


def plain(**given: Any) -> Run:
    """Four mixtures a batch, through a network without batch statistics."""
    torch.manual_seed(0)
    run = Run(
        model=Filters(),
        objective=WaveformL1(),
        data=RemixBatches(memory_cache(), batch_size=4, samples=SAMPLES, seed=0),
        optimiser=Optimiser(learning_rate=1e-2, clip_norm=1.0),
        schedule=Schedule(warmup=2, shape="cosine"),
        steps=8,
        seed=0,
        config={"test": "plain"},
    )
    return replace(run, **given)


class Heavy(Filters):
    """The same with weights that take a while to write."""

    def __init__(self) -> None:
        super().__init__(dropout=0.2)
        self.ballast = nn.Parameter(torch.zeros(600_000))

    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture) + self.ballast[: mixture.shape[-1]]


def everything(**given: Any) -> Run:
    """All that a checkpoint can hold: dropout, averages, a plateau, the best weights, parts of batches."""
    run = plain(steps=24, config={"test": "everything"})
    measure = ObjectiveLoss(objective=run.objective, data=replace_seed(run.data, 9), batches=1)
    return replace(
        run,
        model=Heavy(),
        optimiser=Optimiser(learning_rate=0.1, accumulate=2, ema=0.9),
        schedule=Schedule(shape="plateau", patience=1),
        validation=Validation(measure=measure, every=3, weights="best"),
        **given,
    )


class Precise(Filters):
    """The same in double precision: what differs then is no rounding."""

    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture.double())


def measured(**given: Any) -> Run:
    """All that several processes decide together, without dropout."""
    run = everything()
    optimiser = Optimiser(learning_rate=1e-2, accumulate=2, ema=0.5, clip_norm=0.1)
    return replace(run, model=Precise().double(), optimiser=optimiser, config={"test": "measured"}, **given)


def uneven(**given: Any) -> Run:
    """Three mixtures a batch."""
    data = RemixBatches(memory_cache(), batch_size=3, samples=SAMPLES, seed=0)
    return plain(data=data, **given)


def replace_seed(data: Any, seed: int) -> RemixBatches:
    return RemixBatches(data.cache, batch_size=data.batch_size, samples=data.samples, seed=seed)


class Averages(Encoder):
    """An encoder "b 1 t" to "b 8 1" without batch statistics."""

    sample_rate, taps = 16_000, {"embedding": Tap(size=8, hop=8192)}

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(1, 8, 64, stride=32), nn.GELU(), nn.AdaptiveAvgPool1d(1))

    def forward(self, audio: Tensor) -> Tensor:
        return self.layers(audio)

    def features(self, audio: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
        return {name: self(audio) for name in names}


def contrastive(**given: Any) -> Run:
    """Four pairs of views a batch, augmented."""
    torch.manual_seed(0)
    run = Run(
        model=Averages(),
        objective=SimCLR(8, 16_000, Augmentation(), projection=4),
        data=ViewBatches(memory_cache(tracks=5), batch_size=4, samples=8192, seed=0),
        optimiser=Optimiser(name="sgd", learning_rate=0.1),
        schedule=Schedule(),
        steps=4,
        seed=0,
        config={"test": "contrastive"},
    )
    return replace(run, **given)


def sources(**given: Any) -> Run:
    """Four pairs of log-mels a batch, in half precision as they are cached, of a mixture and a source."""
    torch.manual_seed(0)
    names, frames = ("mixture", "bass"), 120
    audio = memory_cache(tracks=5)
    stored = np.random.default_rng(0).standard_normal((5 * len(names) * frames, 64)).astype(np.float16)
    log_mels = LogMelCache(
        tracks=audio.tracks,
        sources=names,
        starts=np.arange(5 * len(names)).reshape(5, -1) * frames,
        lengths=np.full(5, frames),
        frames=stored,
    )
    places = np.array([(track, 0) for track in range(5)])
    segments = Segments(places=places, length=frames, active={"bass": np.array([1, 1, 0, 1, 1], bool)})
    run = Run(
        model=tiny(ENCODERS["mscol"]).build(),
        objective=SourceContrastPictures(),
        data=SourcePairs(log_mels, segments, sources=("bass",), silent=True, batch_size=4, seed=0),
        optimiser=Optimiser(name="sgd", learning_rate=0.01),
        schedule=Schedule(),
        steps=4,
        seed=0,
        config={"test": "sources"},
    )
    return replace(run, **given)


RUNS: dict[str, Callable[..., Run]] = {
    "separation": separation,
    "classification": classification,
    "plain": plain,
    "everything": everything,
    "measured": measured,
    "uneven": uneven,
    "contrastive": contrastive,
    "sources": sources,
}


def steps_done(folder: Path) -> int:
    last = max((folder / "checkpoints").glob("step-*.pt"))
    return torch.load(last, weights_only=True)["step"]


def weights_of(folder: Path, step: int) -> dict[str, Any]:
    """All that the checkpoint behind a step holds, flat."""
    state = torch.load(folder / "checkpoints" / f"step-{step:08}.pt", weights_only=True)
    return dict(flat("", state))


def flat(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}/{key}", inner)
    else:
        yield name, value


def assert_same(first: nn.Module, second: nn.Module) -> None:
    """Two models have the same weights to the bit."""
    mine, other = first.state_dict(), second.state_dict()
    assert [key for key, value in mine.items() if not torch.equal(value, other[key])] == []


def farthest(first: nn.Module, second: nn.Module) -> float:
    """The largest difference between two models' weights."""
    other = second.state_dict()
    return max((value - other[key]).abs().max().item() for key, value in first.state_dict().items())


def losses(run: Run, folder: Path, machine: Machine = CPU) -> list[float]:
    return [row["loss"] for row in fit(run, folder, machine, progress=False)]


@dataclass
class Wrapped:
    """Batches around others."""

    data: Batches

    @property
    def batch_size(self) -> int:
        return self.data.batch_size

    def card(self) -> Mapping[str, Any]:
        return self.data.card()


@dataclass
class Always(Wrapped):
    """The same batch for ever."""

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        return self.data.batch(0, rows)


class Stopped(Exception):
    """What stops a run from outside."""


@dataclass
class Until(Wrapped):
    """Batches up to a step that is never taken; before it, `meanwhile(k)`."""

    stop: int
    meanwhile: Callable[[int], object] = lambda k: None

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        if k == self.stop:
            raise Stopped
        self.meanwhile(k)
        return self.data.batch(k, rows)


@dataclass
class BadAt(Wrapped):
    """One batch that holds NaN."""

    k: int

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        batch = dict(self.data.batch(k, rows))
        if k == self.k:
            batch["mixture"] = batch["mixture"] * float("nan")
        return batch


@dataclass
class KilledAt(Wrapped):
    """One batch at which this process dies, without a word."""

    k: int

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        if k == self.k:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.data.batch(k, rows)


HOOKS: dict[str, Callable[[Batches, int], Batches]] = {"bad": BadAt, "killed": KilledAt}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, "lightning_fabric", "torch.utils.tensorboard", "matplotlib.figure"])


def train(name: str, folder: str, hook: str = "", rank: str = "0", k: str = "0") -> None:
    """Train one of `RUNS` in this process; its process of that rank has a hook at batch k."""
    run = RUNS[name]()
    if hook and os.environ.get("RANK", "0") == rank:
        run = replace(run, data=HOOKS[hook](run.data, int(k)))
    fit(run, Path(folder), replace(CPU, threads=1), progress=False)


def forked(*arguments: str, environment: Mapping[str, str] = {}) -> Any:
    """Start `train` in a process of its own, forked from one that has imported everything."""
    process = FORKS.Process(target=_forked, args=(arguments, dict(environment)))
    process.start()
    return process


def _forked(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - closed with the process
    train(*arguments)


if __name__ == "__main__":
    train(*sys.argv[1:])
