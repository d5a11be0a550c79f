"""Where features come from: encoders of ours, callables from elsewhere, and two simple descriptions.

A source is plain values, so that any process can be told of it; `extractor` builds what it stands for.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from stemwise.interfaces import Classifier, Encoder
from stemwise.memory import lay_out
from stemwise.models import ENCODERS
from stemwise.names import named
from stemwise.probing.descriptions import DESCRIPTIONS, RATE, Description
from stemwise.signal.chunk import windows
from stemwise.weights.store import find, load, sha256

UNTRAINED, ALL = "untrained:", "all"
_AT_ONCE = 8
"""Windows in a network at a time."""

Look = Callable[[Float32[np.ndarray, "t"]], Mapping[str, Float32[np.ndarray, "_"]]]
"""Mono audio to a vector of each representation."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What makes features.

    Attributes:
        name: a model's name or folder, `untrained:` and an encoder's name, `FILE.py:FUNCTION`, `mfcc` or
            `chroma`.
        checkpoint: given to the function of a file.
        taps: representations by name, or `all`; the default one where none is named.
        device: where a network runs.
    """

    name: str
    checkpoint: str | None = None
    taps: tuple[str, ...] = ()
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """Turns clips into vectors.

    Attributes:
        title: for tables; of a training's model the name of its run.
        sample_rate: of the mono audio it takes, Hz.
        sizes: of the vector of each representation.
        look: does it.
        identity: plain values that say which weights or code these are.
        peak: whether a clip is brought to a peak of one before.
    """

    title: str
    sample_rate: int
    sizes: Mapping[str, int]
    look: Look
    identity: Mapping[str, Any] = field(default_factory=dict)
    peak: bool = False

    @property
    def key(self) -> str:
        """What tells these features from others."""
        values = {"rate": self.sample_rate, "sizes": dict(self.sizes), **self.identity}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def vector(self, clip: Float32[np.ndarray, "t"]) -> Float32[np.ndarray, "d"]:
        """Return all representations of a clip, one behind the other.

        Raises:
            ValueError: a vector is not finite or of another size.
        """
        peak = np.abs(clip).max(initial=0.0)
        found = self.look(clip / peak if self.peak and peak else clip)
        whole = np.concatenate([np.asarray(found[name], np.float32) for name in self.sizes])
        if whole.shape != (sum(self.sizes.values()),) or not np.isfinite(whole).all():
            raise ValueError(
                f"{self.title}: expected {sum(self.sizes.values())} finite features, got {whole.shape} with "
                f"{np.count_nonzero(~np.isfinite(whole))} that are not finite; mend the encoder"
            )
        return whole


@cache
def extractor(source: Source) -> Extractor:
    """Return what a source stands for.

    Raises:
        ValueError: there is no such model, file, function or tap, or librosa is missing.
    """
    if source.name in DESCRIPTIONS:
        return _description(named(DESCRIPTIONS, source.name, "description"), source.name)
    if ".py:" in source.name:
        return _from_file(source)
    if source.checkpoint is not None:
        raise ValueError(f"checkpoint: is for FILE.py:FUNCTION, not for {source.name}; leave it out")
    if source.name.startswith(UNTRAINED):
        name = source.name.removeprefix(UNTRAINED)
        torch.manual_seed(0)
        return _encoder(named(ENCODERS, name, "encoder").build(), source, {"fresh": name, "seed": 0})
    stored = find(source.name)
    run = _run(stored.folder.resolve()) if stored.name == "model" else stored.name
    return _encoder(load(stored.folder), replace(source, name=run), {"sha256": stored.card["sha256"]})


def _run(model: Path) -> str:
    """Return what a training is called: the name of its folder, of one of several with theirs before it."""
    run = model.parent
    return f"{run.parent.name}/{run.name}" if run.name.startswith("run-") else run.name


def shared(source: Source) -> Source:
    """Return the same with paths that hold in other folders, for other processes."""
    head, mark, function = source.name.rpartition(".py:")
    name = f"{Path(head + '.py').absolute()}:{function}" if mark else source.name
    if not mark and Path(source.name).is_dir():
        name = str(Path(source.name).absolute())
    checkpoint = source.checkpoint and str(Path(source.checkpoint).absolute())
    return replace(source, name=name, checkpoint=checkpoint)


def _description(describe: Description, name: str) -> Extractor:
    size, function = describe
    return Extractor(
        title=name,
        sample_rate=RATE,
        sizes={"": size},
        look=lambda audio: {"": function(audio)},
        identity={"description": name},
        peak=True,
    )


def _encoder(model: nn.Module, source: Source, identity: Mapping[str, Any]) -> Extractor:
    if not isinstance(model, Encoder):
        raise ValueError(f"{source.name}: expected an encoder or a classifier, got {type(model).__name__}")
    default = "embedding" if "embedding" in model.taps else list(model.taps)[-1]
    names = tuple(model.taps) if source.taps == (ALL,) else source.taps or (default,)
    unknown = [name for name in names if name not in model.taps]
    if unknown:
        known = ", ".join(model.taps)
        raise ValueError(f"taps: expected all or some of {known}; got {', '.join(unknown)}")
    model = model.eval().to(source.device)
    lay_out(model)
    config: Any = model.config
    return Extractor(
        title=source.name,
        sample_rate=model.sample_rate,
        sizes={name: model.taps[name].size for name in names},
        look=lambda audio: _means(model, names, audio),
        identity={**identity, "config": {**asdict(config)}},
    )


@torch.inference_mode()
def _means(model: Encoder, names: tuple[str, ...], audio: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean of each tap over time and windows.

    An encoder that reads windows is given them one by one, those that lie wholly inside, as jukemir does;
    one that goes by the whole clip, and a classifier, which cuts by itself, gets the clip.
    """
    signal = torch.from_numpy(np.ascontiguousarray(audio))[None]
    window = None if model.spans_clip or isinstance(model, Classifier) else getattr(model, "window", None)
    parts = signal[None] if window is None else windows(signal, window, window)[0][:, None]  # n 1 w
    device = next(model.parameters()).device
    sums = {name: torch.zeros(model.taps[name].size, dtype=torch.float64) for name in names}
    for part in parts.split(_AT_ONCE):
        for name, value in model.features(part.to(device), names).items():
            sums[name] += value.mean(-1).double().sum(0).cpu()
    return {name: (total / len(parts)).float().numpy() for name, total in sums.items()}


def _from_file(source: Source) -> Extractor:
    """Return what a function of a file builds: a callable with a `sample_rate`.

    It takes mono audio `"b 1 t"` and returns features, `"b d"`, or `"b d n"`, of which the mean is taken.
    If it has a `window`, in samples, it is given windows of that length, else whole clips.
    """
    if source.taps:
        raise ValueError("taps: a function of a file has one representation; leave them out")
    name, _, function = source.name.rpartition(":")
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; give FILE.py:FUNCTION")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        raise ValueError(f"{path}: expected a function {function!r} in it, found none; give FILE.py:FUNCTION")
    model: Any = getattr(module, function)(source.checkpoint)
    rate: Any = getattr(model, "sample_rate", None)
    if not callable(model) or not isinstance(rate, int):
        raise ValueError(f"{source.name}: expected it to return a callable with a sample_rate in Hz")
    if isinstance(model, nn.Module):
        model = model.eval().to(source.device)
    device = source.device if isinstance(model, nn.Module) else "cpu"
    window = getattr(model, "window", None)
    size = len(_foreign(model, device, window, np.zeros(int(window or 5 * rate), np.float32)))
    checkpoint = Path(source.checkpoint) if source.checkpoint else None
    digests = {"file": sha256(path), "function": function, "checkpoint": source.checkpoint}
    if checkpoint and checkpoint.is_file():
        digests["checkpoint"] = sha256(checkpoint)
    return Extractor(
        title=f"{path.stem}:{function}",
        sample_rate=rate,
        sizes={"": size},
        look=lambda audio: {"": _foreign(model, device, window, audio)},
        identity=digests,
    )


@torch.inference_mode()
def _foreign(model: Any, device: str, window: int | None, audio: np.ndarray) -> np.ndarray:
    signal = torch.from_numpy(np.ascontiguousarray(audio))[None]
    parts = signal[None] if window is None else windows(signal, window, window)[0][:, None]
    found = [_vectors(model(part.to(device))) for part in parts.split(_AT_ONCE)]
    return torch.cat(found).mean(0).float().cpu().numpy()


def _vectors(features: Tensor) -> Tensor:
    if not isinstance(features, Tensor) or features.ndim not in (2, 3):
        got = tuple(getattr(features, "shape", ())) or type(features).__name__
        raise ValueError(f"expected features of shape (b, d) or (b, d, n), got {got}; mend the callable")
    return features if features.ndim == 2 else features.mean(-1)
