"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, meta_tasnet, mscol, tail, unet

SeparatorConfig = unet.UNetConfig | meta_tasnet.MetaTasNetConfig
ClassifierConfig = tail.TailConfig | joint.JointConfig | mscol.MscolClassifierConfig
Config = SeparatorConfig | ClassifierConfig | mscol.MscolConfig

CONFIGS: dict[str, type[Config]] = {
    "UNetConfig": unet.UNetConfig,
    "MetaTasNetConfig": meta_tasnet.MetaTasNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
    "MscolConfig": mscol.MscolConfig,
    "MscolClassifierConfig": mscol.MscolClassifierConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, SeparatorConfig] = {**unet.VARIANTS, **meta_tasnet.VARIANTS}
ENCODERS: dict[str, mscol.MscolConfig] = {**mscol.VARIANTS}
CLASSIFIERS: dict[str, ClassifierConfig] = {**tail.VARIANTS, **joint.VARIANTS, **mscol.CLASSIFIERS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
