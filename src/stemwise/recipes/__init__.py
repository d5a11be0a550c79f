"""Papers and experiments as functions: each returns a `Run`.

This module and those beside it import nothing heavy at the top, so that the command line can list them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stemwise.data.material import Material
from stemwise.recipes import (
    linear,
    meta_tasnet,
    mscol,
    mscol_classifier,
    msspt_classifier,
    msspt_separator,
    rendered,
    tune,
)

RECIPES: dict[str, Callable[..., Any]] = {
    "rendered-separator": rendered.separator,
    "rendered-classifier": rendered.classifier,
    "msspt-separator": msspt_separator.separator,
    "msspt-classifier": msspt_classifier.classifier,
    "tune-clmr": tune.contrastive,
    "tune-supervised": tune.supervised,
    "linear-evaluation": linear.evaluation,
    "mscol": mscol.pretrain,
    "mscol-classifier": mscol_classifier.classifier,
    "meta-tasnet": meta_tasnet.published,
    "rendered-meta-tasnet": meta_tasnet.small,
}

MATERIALS: dict[str, Material] = {
    "rendered-separator": rendered.SEPARATOR_MATERIAL,
    "rendered-classifier": rendered.CLASSIFIER_MATERIAL,
    "msspt-separator": msspt_separator.MATERIAL,
    "msspt-classifier": msspt_classifier.MATERIAL,
    "tune-clmr": tune.MATERIAL,
    "tune-supervised": replace(tune.MATERIAL, splits=("train", "valid")),
    "linear-evaluation": linear.MATERIAL,
    "mscol": mscol.MATERIAL,
    "mscol-classifier": mscol_classifier.MATERIAL,
    "meta-tasnet": meta_tasnet.MATERIAL,
    "rendered-meta-tasnet": meta_tasnet.SMALL_MATERIAL,
}
"""What each recipe reads of its data set: `data prepare --for` decodes just that."""
