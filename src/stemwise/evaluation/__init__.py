"""Scores of a model on the tracks of a data set. Each carries the protocol that it was measured with."""

from stemwise.evaluation.classifiers import (
    Predictions,
    classification_scores,
    evaluate_classifier,
    predict,
    task_for,
)
from stemwise.evaluation.intervals import with_intervals
from stemwise.evaluation.musdb18 import SEPARATION_TASKS, SeparationTask, evaluate_musdb18
from stemwise.evaluation.protocol import Protocol, classifier_protocol, separator_protocol
from stemwise.evaluation.runs import Run, headline, model_folders, summarise
from stemwise.evaluation.separators import SEPARATION_PROTOCOL, evaluate_separator
from stemwise.evaluation.stored import Evaluation, evaluate_stored

__all__ = [
    "SEPARATION_PROTOCOL",
    "SEPARATION_TASKS",
    "Evaluation",
    "Predictions",
    "Protocol",
    "Run",
    "SeparationTask",
    "classification_scores",
    "classifier_protocol",
    "evaluate_classifier",
    "evaluate_musdb18",
    "evaluate_separator",
    "evaluate_stored",
    "headline",
    "model_folders",
    "predict",
    "separator_protocol",
    "summarise",
    "task_for",
    "with_intervals",
]
