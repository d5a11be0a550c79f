"""Scores of real, tiny models on real, tiny sets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemwise import STEMS
from stemwise.data.tracks import Track, stem_folders
from stemwise.evaluation import classification_scores, evaluate_classifier, evaluate_separator
from stemwise.files import write_json
from stemwise.models import CLASSIFIERS
from stemwise.models.tail import TailClassifier
from stemwise.models.unet import UNetConfig, UNetSeparator
from stemwise.tasks import TASKS, Task
from synth import scrambled, song, stem_tree, tiny, write_stems

RATE = 16_000
TASK = TASKS["rendered-genre"]


@pytest.fixture(scope="module")
def separator() -> UNetSeparator:
    return scrambled(UNetConfig(widths=(4,) * 3, head_width=4).build())


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    return stem_folders(stem_tree(tmp_path_factory.mktemp("set"), {"test": 3}, samples=2 * RATE))


@pytest.fixture(scope="module")
def scores(separator: UNetSeparator, tracks: list[Track]) -> dict[str, Any]:
    return evaluate_separator(separator, tracks)


def classifier(task: Task) -> TailClassifier:
    config = replace(tiny(CLASSIFIERS["half-tail"]), classes=task.classes, target=task.target)
    return scrambled(config.build())


def strictly(path: Path, scores: dict[str, Any]) -> Any:
    """What a reader of strict JSON finds in a file of scores: NaN is no JSON."""
    json.dumps(scores)  # plain values only: NumPy's would be written as text
    write_json(path, scores)

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_separators_scores_can_be_written_as_strict_json(scores: dict[str, Any], tmp_path: Path) -> None:
    assert strictly(tmp_path / "scores.json", scores) == scores


def test_every_stem_has_every_score(scores: dict[str, Any]) -> None:
    assert tuple(scores["stems"]) == STEMS
    for column in scores["stems"].values():
        silent = [name for name, value in column.items() if value is None]
        assert silent == ["leakage_db"]


def test_scores_say_how_they_were_measured(scores: dict[str, Any]) -> None:
    assert "SI-SDR" in scores["protocol"]
    assert scores["tracks"] == 3


def test_tracks_have_their_own_scores(scores: dict[str, Any], tracks: list[Track]) -> None:
    assert set(scores["per_track"]) == {track.name for track in tracks}
    medians = np.median(list(scores["per_track"].values()), axis=0)
    assert medians.tolist() == [scores["stems"][stem]["si_sdr"] for stem in STEMS]


def test_improvement_is_that_over_the_mixture(scores: dict[str, Any], tracks: list[Track]) -> None:
    one = scores["stems"]["vocals"]
    assert one["mixture_si_sdr"] < one["oracle_si_sdr"]
    assert one["audible"] == len(tracks)


def test_octaves_go_up_to_the_nyquist_frequency(scores: dict[str, Any]) -> None:
    assert {len(bands) for bands in scores["sdr_per_octave"].values()} == {7}  # from 62.5 Hz to 8 kHz


def silent_vocals(folder: Path) -> list[Track]:
    root = stem_tree(folder, {"test": 2}, samples=2 * RATE)
    stems = song(2 * RATE, RATE)
    stems[3] = 0
    write_stems(root / "test" / "track-0", stems, RATE)
    return stem_folders(root)


def test_silent_stem_is_left_out_and_its_leakage_reported(separator: UNetSeparator, tmp_path: Path) -> None:
    vocals = evaluate_separator(separator, silent_vocals(tmp_path))["stems"]["vocals"]
    assert vocals["audible"] == 1
    assert -60 < vocals["leakage_db"] < 0


def test_scores_with_a_silent_stem_can_be_written_as_strict_json(
    separator: UNetSeparator, tmp_path: Path
) -> None:
    tracks = silent_vocals(tmp_path)
    found = strictly(tmp_path / "scores.json", evaluate_separator(separator, tracks))
    assert found["per_track"]["track-0"][3] is None


def test_one_stem_is_scored_against_all_that_sounds(tracks: list[Track], scores: dict[str, Any]) -> None:
    model = UNetConfig(stems=("vocals",), widths=(2,) * 3, head_width=2).build().eval()
    alone = evaluate_separator(model, tracks)["stems"]
    assert list(alone) == ["vocals"]
    assert alone["vocals"]["mixture_si_sdr"] == pytest.approx(scores["stems"]["vocals"]["mixture_si_sdr"])
    assert alone["vocals"]["oracle_si_sdr"] > alone["vocals"]["mixture_si_sdr"] + 1


def test_progress_is_told_track_by_track(separator: UNetSeparator, tracks: list[Track]) -> None:
    calls = []
    evaluate_separator(separator, tracks[:2], lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_classifier_of_other_classes_is_refused(tracks: list[Track]) -> None:
    model = classifier(replace(TASK, classes=TASK.classes[1:]))
    with pytest.raises(ValueError, match="rendered-genre: expected a multiclass model of the classes"):
        evaluate_classifier(model, TASK, tracks)


def test_order_of_the_models_classes_does_not_matter(tracks: list[Track]) -> None:
    model = classifier(TASK)
    expected = evaluate_classifier(model, TASK, tracks)
    reverse = classifier(replace(TASK, classes=TASK.classes[::-1]))
    state = model.state_dict()
    for name in ("tail.output.weight", "tail.output.bias"):
        state[name] = state[name].flip(0)
    reverse.load_state_dict(state)
    found = evaluate_classifier(reverse, TASK, tracks)
    assert json.dumps(found) == json.dumps(expected)


def test_classifier_of_another_target_is_refused(tracks: list[Track]) -> None:
    model = classifier(replace(TASK, target="multilabel"))
    with pytest.raises(ValueError, match="multiclass"):
        evaluate_classifier(model, TASK, tracks)


def test_classifiers_scores_are_those_of_its_tags(tracks: list[Track]) -> None:
    found = evaluate_classifier(classifier(TASK), TASK, tracks)
    assert found["tracks"] == 3
    assert 0 <= found["accuracy"] <= 1
    assert found["scored_labels"] == 3  # three genres occur


def test_only_multiclass_tasks_have_an_accuracy(tracks: list[Track]) -> None:
    task = TASKS["rendered-tags"]
    assert "accuracy" not in evaluate_classifier(classifier(task), task, tracks)


def test_task_that_none_of_the_tracks_takes_part_in_is_an_error(tracks: list[Track]) -> None:
    task = TASKS["fma-medium"]  # its genres are spelt otherwise than those of rendered music
    with pytest.raises(ValueError, match="fma-medium: expected tracks with one of its classes, found none"):
        evaluate_classifier(classifier(task), task, tracks)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.dataset == "rendered"])
def test_classifiers_scores_can_be_written_as_strict_json(
    name: str, tracks: list[Track], tmp_path: Path
) -> None:
    task = TASKS[name]
    scores = evaluate_classifier(classifier(task), task, tracks)
    found = strictly(tmp_path / "scores.json", scores)
    assert found[task.select] == scores[task.select]


def test_one_right_of_two_is_half_accurate() -> None:
    targets = np.eye(len(TASK.classes), dtype=np.float32)[[0, 1]]
    chances = np.eye(len(TASK.classes))[[0, 0]]
    assert classification_scores(TASK, targets, chances)["accuracy"] == 0.5


def test_damaged_track_stops_the_evaluation_by_name(tmp_path: Path) -> None:
    tracks = stem_folders(stem_tree(tmp_path, {"test": 2}, samples=RATE))
    soundfile.write(tracks[1].mixture, np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"track-1.mixture\.wav: expected finite samples"):
        evaluate_classifier(classifier(TASK), TASK, tracks)
