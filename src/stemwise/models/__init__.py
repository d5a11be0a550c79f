"""Pure networks. One architecture is one file: its config, its class, and the table of its variants."""

from stemwise.models import joint, sample_cnn, tail, tune, unet

CONFIGS: dict[str, type] = {
    "UNetConfig": unet.UNetConfig,
    "TailConfig": tail.TailConfig,
    "JointConfig": joint.JointConfig,
    "TuneConfig": tune.TuneConfig,
    "SampleCNNConfig": sample_cnn.SampleCNNConfig,
}
"""Every kind of config, by the name that model cards use."""

SEPARATORS: dict[str, unet.UNetConfig] = {**unet.VARIANTS}
CLASSIFIERS: dict[str, tail.TailConfig | joint.JointConfig] = {**tail.VARIANTS, **joint.VARIANTS}
"""Classifiers need their classes: `replace(CLASSIFIERS[name], classes=(...)).build()`."""

ENCODERS: dict[str, tune.TuneConfig | sample_cnn.SampleCNNConfig] = {**tune.VARIANTS, **sample_cnn.VARIANTS}
"""Encoders have no head; `replace(ENCODERS[name], classes=(...)).build()` puts a linear one on."""
