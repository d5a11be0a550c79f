"""What contrastive pre-training leaves of the key: the published setting beside those that keep it.

`python benchmarks/key_variant.py --root MY-SET --out FOLDER`: on rendered songs with known keys, every arm is
pre-trained for as many steps on the train split, with each of three seeds; then a linear model learns the key
from the songs' mean features, its strength chosen on the valid split, and is scored once on the test split.
Beside them: the same networks as they were drawn, and chroma. Writes `results.json` and `report.md`; what
`FOLDER` already holds is not done again. With `--budget`, no arm is begun that would end later.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stemwise.audit.features import describe
from stemwise.data.cache import AudioCache, prepare
from stemwise.data.decoding import FULL_SCALE
from stemwise.data.rendered import tracks
from stemwise.files import write_json
from stemwise.metrics.key import weighted_score
from stemwise.models import WAVEFORM_ENCODERS
from stemwise.recipes.tune import MATERIAL, contrastive
from stemwise.training import Machine, fit

SPLITS = ("train", "valid", "test")
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
PUBLISHED, OURS = "tune-published", "pitch-net"
NOTE = (
    "Weighted score of the key (MIREX; a fifth above counts half), of 100, on the test split: mean of the "
    "seeds (each). Rendered music: composed by rule, played by a synthesiser. These numbers compare with "
    "nothing but each other."
)


@dataclass(frozen=True)
class Arm:
    """An encoder and the pitch shift that it is pre-trained with; none where it stays as it was drawn."""

    title: str
    model: str
    pitch: Literal["published", "octaves", "none", ""]


ARMS = {
    PUBLISHED: Arm("TUNe (Tail+5), shifts of up to seven semitones, as published", "tune-5tail", "published"),
    OURS: Arm("PitchNet, no shift", "pitch-net", "none"),
    "tune-unshifted": Arm("TUNe (Tail+5), no shift", "tune-5tail", "none"),
    "pitch-net-shifted": Arm("PitchNet, shifts of up to seven semitones", "pitch-net", "published"),
    "tune-drawn": Arm("TUNe (Tail+5), not trained", "tune-5tail", ""),
    "pitch-net-drawn": Arm("PitchNet, not trained", "pitch-net", ""),
}


def main() -> None:
    """Train, probe, and write the report."""
    given, began = _arguments(), time.monotonic()
    if given.threads:
        torch.set_num_threads(given.threads)
    caches = {split: prepare(tracks(given.root, split), MATERIAL, given.root) for split in SPLITS}
    scores: dict[str, dict[int, Any]] = {
        "chroma": {0: _once(given.work / "chroma.json", lambda: _chroma(given, caches))}
    }
    longest: dict[str, float] = {}
    for seed in given.seeds:
        for name in given.only or ARMS:
            kept, arm_began = given.work / f"{name}-{seed}.json", time.monotonic()
            late = time.monotonic() - began + longest.get(name, 0.0) > given.budget > 0
            if kept.is_file() or not late:
                found = _once(kept, lambda name=name, seed=seed: _arm(name, seed, given, caches))
                scores.setdefault(name, {})[seed] = found
                longest[name] = max(longest.get(name, 0.0), time.monotonic() - arm_began)
                print(f"{name}, seed {seed}: {found['score']:.1f}", flush=True)
    facts = {"steps": given.steps, "batch_size": given.batch_size}
    facts |= {"songs": {split: len(cache.tracks) for split, cache in caches.items()}}
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / "results.json", {**facts, "arms": scores})
    (given.out / "report.md").write_text(report(facts, scores), encoding="utf-8")
    print((given.out / "report.md").read_text(encoding="utf-8"))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="a rendered set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="folder of the trainings; `work` in OUT where not given")
    parser.add_argument("--steps", type=int, default=150, help="of each training")
    parser.add_argument("--batch-size", type=int, default=48, help="clips of a step")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of the processor; 0 leaves it to torch")
    parser.add_argument("--only", choices=list(ARMS), nargs="*", help="these arms alone")
    parser.add_argument("--budget", type=float, default=0.0, help="seconds; 0 for any")
    given = parser.parse_args()
    given.work = given.work or given.out / "work"
    return given


def _once(path: Path, made: Any) -> Any:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, made())
    return json.loads(path.read_text(encoding="utf-8"))


def _arm(name: str, seed: int, given: Any, caches: Mapping[str, AudioCache]) -> dict[str, Any]:
    """Return what the key's probe scores on one network's features, and what was spent."""
    arm, began = ARMS[name], time.monotonic()
    machine = Machine(device=given.device, threads=given.threads)
    loss: list[float] = []
    if arm.pitch:
        run = contrastive(
            root=given.root,
            dataset="rendered",
            model=arm.model,
            pitch=arm.pitch,
            steps=given.steps,
            batch_size=given.batch_size,
            seed=seed,
        )
        history = fit(run, given.work / f"{name}-{seed}", machine)
        model, loss = run.model, [row["loss"] for row in history]
    else:
        torch.manual_seed(seed)
        model = WAVEFORM_ENCODERS[arm.model].build()
    trained = time.monotonic() - began
    model = model.to("cuda" if given.device != "cpu" and torch.cuda.is_available() else "cpu").eval()
    features = {split: _features(model, cache) for split, cache in caches.items()}
    spent = {"training_s": trained, "probing_s": time.monotonic() - began - trained}
    return {**probed(features, _keys(caches)), **spent, "loss": loss[:: max(1, len(loss) // 50)]}


@torch.inference_mode()
def _features(model: torch.nn.Module, cache: AudioCache) -> np.ndarray:
    """Return the mean of each song's vectors."""
    device = next(model.parameters()).device
    found = []
    for track in range(len(cache.tracks)):
        audio = torch.from_numpy(np.array(cache.whole(track, 0).T)).to(device)
        found.append(model(audio[None].float() / FULL_SCALE).mean(-1)[0].cpu().numpy())
    return np.stack(found)


def _keys(caches: Mapping[str, AudioCache]) -> dict[str, np.ndarray]:
    return {
        split: np.array([track.labels["key"] for track in cache.tracks]) for split, cache in caches.items()
    }


def _chroma(given: Any, caches: Mapping[str, AudioCache]) -> dict[str, Any]:
    features = {
        split: np.stack(
            [
                describe([cache.whole(track, 0).T / np.float32(FULL_SCALE)], MATERIAL.sample_rate).chroma
                for track in range(len(cache.tracks))
            ]
        )
        for split, cache in caches.items()
    }
    return probed(features, _keys(caches))


def probed(features: Mapping[str, np.ndarray], keys: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the test split's scores of a linear model of keys, its strength chosen on the valid split."""
    models = [_fitted(features["train"], keys["train"], strength) for strength in STRENGTHS]
    valid = [_score(keys["valid"], model.predict(features["valid"])) for model in models]
    best = int(np.argmax(valid))
    guesses = models[best].predict(features["test"])
    accuracy = 100 * float(np.mean(guesses == keys["test"]))
    chosen = {"strength": STRENGTHS[best], "valid": valid[best]}
    return {"score": _score(keys["test"], guesses), "accuracy": accuracy, **chosen}


def _fitted(features: np.ndarray, keys: np.ndarray, strength: float) -> Any:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
    with warnings.catch_warnings():  # of many classes for few songs, and of solutions that are near enough
        warnings.simplefilter("ignore")
        return model.fit(features, keys)


def _score(reference: Sequence[str] | np.ndarray, estimate: Sequence[str] | np.ndarray) -> float:
    return 100 * float(np.mean([weighted_score(r, e) for r, e in zip(reference, estimate, strict=True)]))


def report(facts: Mapping[str, Any], scores: Mapping[str, Mapping[Any, Any]]) -> str:
    """Return the table, and in a sentence by how much ours is ahead of the published setting."""
    titles = {name: arm.title for name, arm in ARMS.items()} | {"chroma": "mean chroma, no network"}
    lines = ["| arm | weighted score | accuracy |", "|---|---|---|"]
    for name, seeds in scores.items():
        found = [each["score"] for each in seeds.values()]
        each = ", ".join(f"{value:.1f}" for value in found)
        accuracy = np.mean([each["accuracy"] for each in seeds.values()])
        lines.append(f"| {titles[name]} | {np.mean(found):.1f} ({each}) | {accuracy:.1f} |")
    songs = ", ".join(f"{count} {split}" for split, count in facts["songs"].items())
    head = f"{facts['steps']} steps of {facts['batch_size']} clips each; songs: {songs}."
    return "\n".join([verdict(scores), "", head, NOTE, "", *lines, ""])


def verdict(scores: Mapping[str, Mapping[Any, Any]]) -> str:
    """Return by how much ours is ahead, seed by seed where both are there."""
    ours, theirs = (scores.get(name, {}) for name in (OURS, PUBLISHED))
    gaps = [ours[seed]["score"] - theirs[seed]["score"] for seed in ours if seed in theirs]
    if not gaps:
        return "Not both of PitchNet and the published setting were trained."
    each = ", ".join(f"{gap:+.1f}" for gap in gaps)
    return (
        f"PitchNet is {np.mean(gaps):+.1f} points from the published setting ({each}; thirty were asked for)."
    )


if __name__ == "__main__":
    main()
