"""MIREX's key score, against hand-computed pairs and mir_eval where it is installed."""

import itertools

import pytest

from stemwise.metrics.key import parse, weighted_score

TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = [f"{tonic} {mode}" for tonic in TONICS for mode in ("major", "minor")]


@pytest.mark.parametrize(
    ("reference", "estimate", "score"),
    [
        ("A minor", "A minor", 1.0),
        ("A minor", "E minor", 0.5),
        ("A minor", "D minor", 0.0),
        ("A minor", "C major", 0.3),
        ("A minor", "A major", 0.2),
        ("A minor", "F# major", 0.0),
        ("Eb major", "Bb major", 0.5),
        ("Eb major", "C minor", 0.3),
        ("Eb major", "d# minor", 0.2),
        ("B major", "Cb maj", 1.0),
        ("B major", "F♯ major", 0.5),
    ],
)
def test_scores_of_single_pairs(reference: str, estimate: str, score: float) -> None:
    assert weighted_score(reference, estimate) == score


def test_each_key_forgives_three_others() -> None:
    for key in KEYS:
        scores = sorted((weighted_score(key, other) for other in KEYS), reverse=True)
        assert scores[:5] == [1.0, 0.5, 0.3, 0.2, 0.0]


def test_scores_are_those_of_mir_eval() -> None:
    theirs = pytest.importorskip("mir_eval.key").weighted_score
    for reference, estimate in itertools.product(KEYS, KEYS):
        assert weighted_score(reference, estimate) == theirs(reference, estimate)


@pytest.mark.parametrize("name", ["", "A", "H major", "A dorian", "A minor 7", "minor"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name such as 'A minor'"):
        parse(name)
