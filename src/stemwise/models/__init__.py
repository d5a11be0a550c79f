"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, mscol, sample_cnn, tail, tune, unet

EncoderConfig = mscol.MscolConfig | tune.TuneConfig | sample_cnn.SampleCNNConfig
ClassifierConfig = tail.TailConfig | joint.JointConfig | mscol.MscolClassifierConfig
Config = unet.UNetConfig | EncoderConfig | ClassifierConfig

CONFIGS: dict[str, type[Config]] = {
    "UNetConfig": unet.UNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
    "MscolConfig": mscol.MscolConfig,
    "MscolClassifierConfig": mscol.MscolClassifierConfig,
    "TuneConfig": tune.TuneConfig,
    "SampleCNNConfig": sample_cnn.SampleCNNConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, unet.UNetConfig] = {**unet.VARIANTS}
WAVEFORM_ENCODERS: dict[str, tune.TuneConfig | sample_cnn.SampleCNNConfig] = {
    **tune.VARIANTS,
    **sample_cnn.VARIANTS,
}
"""TUNe and SampleCNN; `replace(config, classes=(...)).build()` puts a linear head on: a classifier."""

ENCODERS: dict[str, EncoderConfig] = {**mscol.VARIANTS, **WAVEFORM_ENCODERS}
CLASSIFIERS: dict[str, ClassifierConfig] = {**tail.VARIANTS, **joint.VARIANTS, **mscol.CLASSIFIERS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""
