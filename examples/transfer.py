"""The paper's idea in twenty lines: a classifier that holds a separator's own U-Net."""

from dataclasses import replace

import torch

from stemwise.models import CLASSIFIERS, SEPARATORS
from stemwise.models.joint import JointConfig, from_separator
from stemwise.models.unet import UNetSeparator


def main() -> None:
    """Build a separator, hand its U-Net to a classifier, and show that both hold the same weights."""
    separator = SEPARATORS["half-multisource"].build()
    assert isinstance(separator, UNetSeparator)
    config = CLASSIFIERS["half-joint-multisource"]
    assert isinstance(config, JointConfig)
    classifier = from_separator(separator, replace(config, classes=("rock", "jazz"), target="multiclass"))
    shared = {id(p) for p in separator.unet.parameters()} & {id(p) for p in classifier.parameters()}
    print(f"{len(shared)} tensors are shared, {sum(1 for _ in classifier.parameters())} in the classifier")
    logits = classifier.eval().logits(torch.zeros(1, 1, 10 * 16_000))
    print(f"logits of ten seconds: {tuple(logits.shape)} (clip, class, window)")


if __name__ == "__main__":
    main()
