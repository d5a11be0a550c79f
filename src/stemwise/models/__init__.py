"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, mscol, tail, unet

Config = (
    unet.UNetConfig | tail.TailConfig | joint.JointConfig | mscol.MscolConfig | mscol.MscolClassifierConfig
)
ClassifierConfig = tail.TailConfig | joint.JointConfig | mscol.MscolClassifierConfig

CONFIGS: dict[str, type[Config]] = {
    "UNetConfig": unet.UNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
    "MscolConfig": mscol.MscolConfig,
    "MscolClassifierConfig": mscol.MscolClassifierConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, unet.UNetConfig] = {**unet.VARIANTS}
ENCODERS: dict[str, mscol.MscolConfig] = {**mscol.VARIANTS}
CLASSIFIERS: dict[str, ClassifierConfig] = {**tail.VARIANTS, **joint.VARIANTS, **mscol.CLASSIFIERS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
