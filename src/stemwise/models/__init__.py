"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import frozen, joint, meta_tasnet, mscol, sample_cnn, tail, tune, unet

SeparatorConfig = unet.UNetConfig | meta_tasnet.MetaTasNetConfig
EncoderConfig = mscol.MscolConfig | tune.TuneConfig | sample_cnn.SampleCNNConfig
ClassifierConfig = tail.TailConfig | joint.JointConfig | mscol.MscolClassifierConfig
Config = SeparatorConfig | EncoderConfig | ClassifierConfig | frozen.FrozenConfig

CONFIGS: dict[str, type[Config]] = {
    "UNetConfig": unet.UNetConfig,
    "MetaTasNetConfig": meta_tasnet.MetaTasNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
    "MscolConfig": mscol.MscolConfig,
    "MscolClassifierConfig": mscol.MscolClassifierConfig,
    "TuneConfig": tune.TuneConfig,
    "SampleCNNConfig": sample_cnn.SampleCNNConfig,
    "FrozenConfig": frozen.FrozenConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, SeparatorConfig] = {**unet.VARIANTS, **meta_tasnet.VARIANTS}
WAVEFORM_ENCODERS: dict[str, tune.TuneConfig | sample_cnn.SampleCNNConfig] = {
    **tune.VARIANTS,
    **sample_cnn.VARIANTS,
}
"""TUNe and SampleCNN; `replace(config, classes=(...)).build()` puts a linear head on: a classifier."""

ENCODERS: dict[str, EncoderConfig] = {**mscol.VARIANTS, **WAVEFORM_ENCODERS}
CLASSIFIERS: dict[str, ClassifierConfig] = {**tail.VARIANTS, **joint.VARIANTS, **mscol.CLASSIFIERS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
