"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, tail, unet

CONFIGS: dict[str, type[unet.UNetConfig] | type[tail.TailConfig] | type[joint.JointConfig]] = {
    "UNetConfig": unet.UNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, unet.UNetConfig] = {**unet.VARIANTS}
CLASSIFIERS: dict[str, tail.TailConfig | joint.JointConfig] = {**tail.VARIANTS, **joint.VARIANTS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
