"""Labels are sorted by kind as they are found, and what the splits share is counted."""

from pathlib import Path
from typing import Any

import pytest

from stemwise.data.labels import find_labels, usages
from stemwise.data.tracks import Track


def track(split: str = "train", name: str = "song", **labels: Any) -> Track:
    return Track(name=name, split=split, mixture=Path("mixture.wav"), labels=labels)


@pytest.mark.parametrize(
    ("values", "kind", "counts"),
    [
        (["a", "b", "a"], "class", {"a": 2, "b": 1}),
        ([True, False, True], "flag", {"yes": 2, "no": 1}),
        ([1, 2.5, 3], "number", {}),
        ([["x", "y"], [], ["x"]], "tags", {"x": 2, "y": 1}),
        ([[[0.0, "C"], [1.0, "F"], [2.0, "C"]]], "tags", {"C": 1, "F": 1}),
        ([{"drums": ["kit"], "vocals": []}], "tags", {"drums: kit": 1}),
        ([[{"bank": 0, "program": 3}]], "tags", {"0 3": 1}),
        ([[59, 71]], "other", {}),
        ([float("nan"), 1.0], "other", {}),
        (["a", 1], "other", {}),
        ([{"deep": {"er": 1}}], "other", {}),
        ([f"song {k}" for k in range(30)], "other", {}),
    ],
)
def test_kinds_and_counts(values: list[Any], kind: str, counts: dict[str, int]) -> None:
    (label,) = find_labels([track(x=value) for value in values])
    assert (label.kind, label.counts, label.tracks) == (kind, counts, len(values))


def test_missing_labels_and_bookkeeping_do_not_count() -> None:
    tracks = [track(genre="rock", voice=None, seed=1, index=0), track(voice=None), track(genre="jazz")]
    (label,) = find_labels(tracks)
    assert (label.name, label.tracks) == ("genre", 2)
    assert [label.of(t) for t in tracks] == [("rock",), (), ("jazz",)]
    assert find_labels([track()]) == []


def preset(stem: str, program: int, family: str = "kit") -> dict[str, Any]:
    return {"stem": stem, "family": family, "bank": 128 if stem == "drums" else 0, "program": program}


def test_a_shared_preset_is_found_and_a_disjoint_voice_is_not() -> None:
    tracks = [
        track("train", voice="alder", presets=[preset("drums", 8), preset("other", 4, "piano")]),
        track("valid", voice="oak", presets=[preset("drums", 16)]),
        track("test", voice="yew", presets=[preset("drums", 8, "box"), preset("other", 5, "piano")]),
    ]
    found = {usage.what: usage for usage in usages(tracks)}
    assert found["voices"].shared() == found["melodic presets"].shared() == []
    assert found["drum kits"].shared() == found["drum kits"].shared("train", "test") == ["128:  8 box, kit"]
    assert found["drum kits"].shared("train", "valid") == []
    assert found["drum kits"].by_split["train"] == {"128:  8 box, kit": 1}


def test_chords_are_compared_in_one_key() -> None:
    tracks = [
        track(split, chords=[[k, name] for k, name in enumerate(names)])
        for split, names in (("train", ["C", "Am", "F", "G7"]), ("test", ["Eb", "Cm", "Ab", "Bb7", "Eb"]))
    ]
    (usage,) = usages(tracks)
    assert usage.shared() == ["0 9m 5 77"]


@pytest.mark.parametrize(
    "odd", [{}, {"presets": "none"}, {"presets": [1]}, {"chords": [["C"]]}, {"voice": 3}]
)
def test_odd_labels_have_no_usage(odd: dict[str, Any]) -> None:
    assert usages([track(**odd)]) == []
