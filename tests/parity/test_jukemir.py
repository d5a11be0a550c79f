"""Parity with jukemir: its grid, its splits' sizes, and its scores of fixed probes on real labels."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from recipes import fixed_probe, random_predictions, representations
from vector_files import OWN, vector

from stemwise.data.classes import KEYS, MTAT_TAGS
from stemwise.metrics import tagging
from stemwise.metrics.key_songs import score_matrix
from stemwise.metrics.ranking import ranked_roc_auc
from stemwise.metrics.regression import r2
from stemwise.probing import GRIDS, Items, ProbeConfig, Split
from stemwise.probing.items import Kind, scaler
from stemwise.probing.scoring import Scorer, scores

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
KINDS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "gtzan_ff": ("multiclass", GENRES),
    "giantsteps_clips": ("key", KEYS),
    "emomusic": ("regression", ("arousal", "valence")),
    "magnatagatune": ("multilabel", MTAT_TAGS),
}
NAMES = {"average_precision": "ap", "roc_auc": "auc_roc"}
EVALUATED: dict[str, Any] = json.loads(vector("tune/jukemir_eval.json").read_text())
RANDOM: dict[str, Any] = json.loads(vector("tune/metrics_random.json").read_text())
SEEDS = [int(name.removeprefix("seed")) for name in RANDOM if name.startswith("seed")]


def labels(dataset: str) -> dict[str, tuple[str, Any]]:
    """Real labels, name → (split, answer)."""
    if dataset != "magnatagatune":
        found = json.loads(gzip.decompress((OWN / "tune/jukemir_labels.json.gz").read_bytes()))
        return found[dataset]
    found = json.loads(gzip.decompress((OWN / "metadata/magnatagatune.json.gz").read_bytes()))
    tags, known = found["tags"], set(MTAT_TAGS)
    return {
        name: (split, [tags[number] for number in numbers if tags[number] in known])
        for name, (_, split, numbers) in found["clips"].items()
    }


def answers(kind: Kind, classes: tuple[str, ...], values: list[Any]) -> np.ndarray:
    if kind == "regression":
        return np.array(values)
    if kind == "multilabel":
        return np.array([[name in tags for name in classes] for tags in values])
    return np.array([classes.index(value) for value in values])


def items(dataset: str, seed: int) -> Items:
    kind, classes = KINDS[dataset]
    known = labels(dataset)
    names, vectors = representations(seed, dataset, known, () if kind == "regression" else classes)
    splits = {}
    for split in ("train", "valid", "test"):
        rows = [row for row, name in enumerate(names) if known[name][0] == split]
        own = tuple(names[row] for row in rows)
        targets = answers(kind, classes, [known[name][1] for name in own])
        songs = tuple(name.rpartition("-")[0] for name in own) if kind == "key" else None
        splits[split] = Split(names=own, features=vectors[rows], targets=targets, songs=songs)
    return Items(kind=kind, classes=classes, splits=splits)


@pytest.mark.parametrize("case", EVALUATED)
def test_scores_of_a_fixed_probe_are_the_originals(case: str) -> None:
    dataset, seed = case.split("/seed")
    expected, data = EVALUATED[case], items(dataset, int(seed))
    mean, scale = scaler(data.train.features)
    assert np.linalg.norm(mean) == pytest.approx(expected["scaler_mean_l2"], abs=1e-6)
    assert np.linalg.norm(scale) == pytest.approx(expected["scaler_scale_l2"], abs=1e-6)
    weights, biases = fixed_probe(int(seed), len(data.classes))
    for name, split in data.splits.items():
        seen = torch.from_numpy((split.features - mean) / scale).float()
        logits = torch.from_numpy(weights) @ seen.T + torch.from_numpy(biases)[:, None]
        found = scores(data, split, logits)
        assert len(split.names) == expected["n"][name]
        assert_equal(found, expected[name], 2e-6)
        assert float(Scorer(data, split, torch.device("cpu"))(logits[None])) == pytest.approx(
            found["primary"]
        )


def assert_equal(found: Mapping[str, Any], expected: Mapping[str, float], tolerance: float) -> None:
    renamed = {NAMES.get(key, key): value for key, value in found.items() if key != "ensemble"}
    assert renamed.keys() == expected.keys()
    for key, value in expected.items():
        assert renamed[key] == pytest.approx(value, abs=tolerance), key


@pytest.mark.parametrize("seed", SEEDS)
def test_metrics_equal_those_of_other_libraries_with_ties(seed: int) -> None:
    drawn, expected = random_predictions(seed), RANDOM[f"seed{seed}"]
    assert list(KEYS) == RANDOM["key_labels"]
    matrix = score_matrix(KEYS)
    np.testing.assert_array_equal(matrix, RANDOM["key_score_matrix_ref_row_est_col"])
    tags, said = drawn["tags"], drawn["tag_scores"]
    areas = ranked_roc_auc(torch.from_numpy(tags.T.copy()), torch.from_numpy(said.T.astype(np.float32))[None])
    assert float(areas.mean()) == pytest.approx(expected["roc_auc_macro"], abs=1e-12)
    precision = tagging.average_precision(tags, said)
    assert tagging.macro(precision).mean == pytest.approx(expected["ap_macro"], abs=1e-12)
    np.testing.assert_allclose(precision[:3], expected["ap_per_class_first3"], atol=1e-12)
    keys, estimates = drawn["keys"], drawn["key_estimates"]
    assert matrix[keys, estimates].mean() == pytest.approx(expected["key_weighted_mean"], abs=1e-12)
    assert (keys == estimates).mean() == expected["key_accuracy"]
    explained = r2(drawn["numbers"], drawn["guesses"])
    np.testing.assert_allclose(explained, expected["r2_col"], atol=1e-12)
    assert float(explained.mean()) == pytest.approx(expected["r2_uniform_average"], abs=1e-12)


def test_grid_has_the_runs_of_the_released_code() -> None:
    published = json.loads(vector("tune/grid216_gtzan_ff_jukebox.json").read_text())
    assert [c.uid("gtzan_ff", "jukebox") for c in GRIDS["full"]] == [run["uid"] for run in published]


def test_settings_of_a_run_on_its_own_are_named_alike() -> None:
    assert ProbeConfig().uid("debug", "debug") == "931d09133314c180443615815249a7415da09c86"
