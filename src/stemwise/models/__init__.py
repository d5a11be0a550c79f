"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, tail, unet

SEPARATORS: dict[str, unet.UNetConfig] = {**unet.VARIANTS}
CLASSIFIERS: dict[str, tail.TailConfig | joint.JointConfig] = {**tail.VARIANTS, **joint.VARIANTS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
