"""What simple features tell of each label, beside what one gets without listening."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stemwise.audit.key_template import likeliest_key
from stemwise.audit.questions import LEAST_TRACKS, Described, Question, questions
from stemwise.metrics.key import is_key, parse, weighted_score

SHUFFLES = 200
TRIVIAL = 0.9
"""The share of the way from chance to a perfect score from which on a label is trivial."""

CLASS_AREA = "class ROC-AUC"
"""Finds what accuracy misses in rare classes, but is high long before most answers are right."""

METHODS = {
    "mfcc": "MFCC statistics, linear model",
    "chroma": "mean chroma, linear model",
    "template": "chroma template",
}
Metric = Callable[[Any, Any], float]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How well a simple method tells a label.

    Attributes:
        label, measure, method: what is asked, scored and used.
        score: of the scored split.
        chance: without listening. For accuracies and key scores, that of always giving the commonest
            answer of the train split; 0.5 for a ROC-AUC, 0 for R².
        shuffled: the 95th percentile of the score with the scored tracks' labels shuffled.
        train, test: tracks learned from and scored.
        parts: the score of each tag of a label that has several.
    """

    label: str
    measure: str
    method: str
    score: float
    chance: float
    shuffled: float
    train: int
    test: int
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """At chance where not above chance and shuffling both; trivial at nine tenths of the way up.

        Of classes, accuracy alone says whether they are trivial.
        """
        if self.score <= max(self.chance, self.shuffled):
            return "at chance"
        high = self.score >= self.chance + TRIVIAL * (1 - self.chance)
        return "trivial" if high and self.measure != CLASS_AREA else "learnable"


def probe_labels(learned: Described, scored: Described) -> tuple[list[Probe], list[dict[str, str]]]:
    """Return a row for each label and method, and the labels that were left out with the reason.

    Args:
        learned: tracks to learn from, each with its features.
        scored: tracks to score.

    Raises:
        ValueError: scikit-learn is missing.
    """
    probes, skipped = [], []
    for question in questions(learned, scored):
        if question.obstacle:
            skipped.append({"label": question.label.name, "reason": question.obstacle})
        else:
            probes += [probe for method in question.features for probe in _learned(question, method)]
        if _has_template(question) and len(question.asked) >= LEAST_TRACKS:
            probes += _template(question)
    return probes, skipped


def _learned(question: Question, method: str) -> list[Probe]:
    """Return the scores of a linear model on one kind of features."""
    known, asked = question.features[method]
    if question.tags:
        columns = [_model("tags").fit(known, answers) for answers in question.known.T]
        guesses = np.array([model.predict_proba(asked)[:, 1] for model in columns]).T
        areas = _areas(question.asked, guesses).tolist()
        parts = dict(zip(question.tags, areas, strict=True)) if len(areas) > 1 else {}
        return [_probe(question, "ROC-AUC", method, _area, guesses, 0.5, parts)]
    model = _model(question.label.kind)
    with warnings.catch_warnings():  # scikit-learn finds 24 keys many, for so few tracks
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(known, question.known)
    guesses = model.predict(asked)
    if question.label.kind == "number":
        return [_probe(question, "R²", method, _explained, guesses, 0.0)]
    probes = _class_probes(question, method, guesses)
    if not _are_keys(question):  # accuracy alone hides rare classes
        columns = question.asked[:, None] == model.classes_
        kept = columns.any(0) & ~columns.all(0)
        one_hot = replace(question, asked=columns[:, kept])
        probes.append(_probe(one_hot, CLASS_AREA, method, _area, model.predict_proba(asked)[:, kept], 0.5))
    return probes


def _has_template(question: Question) -> bool:
    if question.label.name == "mode":
        return set(question.label.counts) <= {"major", "minor"}
    return _are_keys(question)


def _are_keys(question: Question) -> bool:
    """Return whether all answers are keys, rather than classes of another kind under that name."""
    return question.label.name == "key" and all(map(is_key, question.label.counts))


def _template(question: Question) -> list[Probe]:
    chroma = question.features["chroma"][1]
    guesses = [likeliest_key(row) for row in chroma]
    if question.label.name == "mode":
        guesses = [guess.split()[1] for guess in guesses]
    return _class_probes(question, "template", np.array(guesses, dtype=object))


def _class_probes(question: Question, method: str, guesses: np.ndarray) -> list[Probe]:
    answers = question.known if len(question.known) else question.asked
    usual = np.full(len(guesses), Counter(answers).most_common(1)[0][0], dtype=object)
    metrics: dict[str, Metric] = {"accuracy": _accuracy}
    if _are_keys(question):
        metrics = {"accuracy": _same_key, "MIREX score": _key_score}
    return [
        _probe(question, name, method, metric, guesses, metric(question.asked, usual))
        for name, metric in metrics.items()
    ]


def _probe(
    question: Question,
    measure: str,
    method: str,
    metric: Metric,
    guesses: np.ndarray,
    chance: float,
    parts: Mapping[str, float] | None = None,
) -> Probe:
    draw, asked = np.random.default_rng(0), question.asked
    shuffled = [metric(draw.permutation(asked), guesses) for _ in range(SHUFFLES)]
    return Probe(
        label=question.label.name,
        measure=measure,
        method=METHODS[method],
        score=metric(asked, guesses),
        chance=chance,
        shuffled=float(np.quantile(shuffled, 0.95)),
        train=0 if method == "template" else len(question.known),
        test=len(asked),
        parts=parts or {},
    )


def _accuracy(asked: np.ndarray, guesses: np.ndarray) -> float:
    return float(np.mean(asked == guesses))


def _same_key(asked: np.ndarray, guesses: np.ndarray) -> float:
    return float(np.mean([parse(a) == parse(g) for a, g in zip(asked, guesses, strict=True)]))


def _key_score(asked: np.ndarray, guesses: np.ndarray) -> float:
    return float(np.mean([weighted_score(a, g) for a, g in zip(asked, guesses, strict=True)]))


def _area(asked: np.ndarray, guesses: np.ndarray) -> float:
    return float(_areas(asked, guesses).mean())


def _areas(asked: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """Return each tag's ROC-AUC, the share of pairs in order: 16 000 of them are asked for, in a moment."""
    order = np.sign(guesses[:, None] - guesses[None])  # positive × negative × tag
    pairs = asked[:, None] & ~asked[None]
    return ((order + 1) / 2 * pairs).sum((0, 1)) / pairs.sum((0, 1))


def _explained(asked: np.ndarray, guesses: np.ndarray) -> float:
    return float(1 - np.square(asked - guesses).sum() / np.square(asked - asked.mean()).sum())


def _model(kind: str) -> Any:
    try:
        from sklearn.linear_model import LogisticRegression, RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise ValueError("an audit needs scikit-learn: pip install 'stemwise[train]'") from error
    model = RidgeCV(np.logspace(-2, 4, 13)) if kind == "number" else LogisticRegression(max_iter=2000)
    return make_pipeline(StandardScaler(), model)
