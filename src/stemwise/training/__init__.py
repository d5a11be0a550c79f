"""Training: one loop for any (model, objective, data), and the only package that knows Lightning Fabric.

A run is stopped and started with the same command: batch k depends on k alone, the checkpoints hold the
rest, and a finished run returns at once.
"""

from stemwise.training.lars import LARS
from stemwise.training.loop import fit
from stemwise.training.optimisers import KerasAdam, Optimiser
from stemwise.training.processes import is_first_process, usable_device
from stemwise.training.schedules import Schedule
from stemwise.training.settings import Machine, Run
from stemwise.training.validation import ObjectiveLoss, Validation

__all__ = [
    "LARS",
    "KerasAdam",
    "Machine",
    "ObjectiveLoss",
    "Optimiser",
    "Run",
    "Schedule",
    "Validation",
    "fit",
    "is_first_process",
    "usable_device",
]
