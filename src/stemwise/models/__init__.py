"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import frozen, joint, meta_tasnet, mscol, pitch_class, sample_cnn, tail, tune, unet

SeparatorConfig = unet.UNetConfig | meta_tasnet.MetaTasNetConfig
WaveformConfig = tune.TuneConfig | sample_cnn.SampleCNNConfig | pitch_class.PitchNetConfig
EncoderConfig = mscol.MscolConfig | WaveformConfig
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
    "PitchNetConfig": pitch_class.PitchNetConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, SeparatorConfig] = {**unet.VARIANTS, **meta_tasnet.VARIANTS}
CLMR_FAMILY: dict[str, tune.TuneConfig | sample_cnn.SampleCNNConfig] = {
    **tune.VARIANTS,
    **sample_cnn.VARIANTS,
}
"""TUNe and SampleCNN, of which there are published checkpoints."""

WAVEFORM_ENCODERS: dict[str, WaveformConfig] = {**CLMR_FAMILY, **pitch_class.VARIANTS}
"""Those and our own; `replace(config, classes=(...)).build()` puts a linear head on: a classifier."""

ENCODERS: dict[str, EncoderConfig] = {**mscol.VARIANTS, **WAVEFORM_ENCODERS}
CLASSIFIERS: dict[str, ClassifierConfig] = {**tail.VARIANTS, **joint.VARIANTS, **mscol.CLASSIFIERS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
