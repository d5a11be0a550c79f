"""The networks give what the original TensorFlow code gives, with weights under the original names."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from recipes import bernoulli, magnitude, one_hot, tf_variable, wave
from vector_files import ids, seeded

from stemwise import STEMS
from stemwise.models.frontends import LogMel, Magnitude
from stemwise.models.joint import JointConfig
from stemwise.models.tail import TailConfig, WindowClassifier
from stemwise.models.unet import UNetConfig, UNetSeparator
from stemwise.signal.mel import tf_mel_matrix
from stemwise.signal.stft import tf_hann, tf_inverse_window, tf_istft, tf_stft
from stemwise.weights.kind import NameMap, Variable, convert, load_published
from stemwise.weights.msspt import MULTISOURCE_ORDER, joint_names, tail_names, unet_names

TOLERANCE = 2e-5  # of the largest reference value: float32 through forty layers
LOGIT_TOLERANCE = 1e-4
MEDIAN_GRADIENT, WORST_GRADIENT = 3e-3, 3e-2  # relative; two TensorFlow versions differ by 1.2e-4 at best

SEPARATORS = seeded("msspt_mscol/msspt_sep_*_seed*.npz")
CLASSIFIERS = seeded("msspt_mscol/msspt_t*_seed*.npz")
GRADIENTS = seeded("msspt_mscol/evalgrad_msspt_*_seed*.npz")
FRONTENDS = seeded("msspt_mscol/frontend_seed*.npz")


def fill(model: torch.nn.Module, names: NameMap, seed: int) -> None:
    """Draw every weight under its original name."""
    ours = model.state_dict()
    by_key = {variable.key: name for name, variable in names.items()}

    def draw(variable: Variable) -> np.ndarray:
        name = by_key[variable.key]
        return tf_variable(seed, variable.key, published_shape(ours[name]), transposed=".up." in name)

    load_published(model, convert(names, draw))


def published_shape(ours: torch.Tensor) -> tuple[int, ...]:
    return tuple(ours.shape)[::-1]


def separator(kind: str, seed: int) -> UNetSeparator:
    config = UNetConfig() if kind == "multi" else UNetConfig(stems=("vocals",), pool="max")
    model = config.build().eval()
    fill(model, unet_names(config.stems), seed)
    return model


def build_classifier(name: str) -> WindowClassifier:
    """`tune_mtat_multi_s5`, `tail_fma`, …: family, data set, sources, skips."""
    classes = tuple(map(str, range(50 if "mtat" in name else 16)))
    if name.startswith("tail"):
        return TailConfig(classes=classes).build()
    skips = int(re.search(r"_s(\d)", name)[1])
    return JointConfig(classes=classes, stems=sources(name), skips=skips).build()


def classifier_names(name: str) -> NameMap:
    return tail_names() if name.startswith("tail") else joint_names(sources(name))


def sources(name: str) -> tuple[str, ...]:
    return STEMS if "multi" in name else ("vocals",)


def classifier(name: str, seed: int) -> WindowClassifier:
    model = build_classifier(name)
    fill(model, classifier_names(name), seed)
    return model.eval()


def mixtures(kind: str, seed: int) -> torch.Tensor:
    mixture = wave(seed, f"msspt_sep_{kind}/mix", (2, 61_792))
    mixture[1, 20_000:40_000] = 0
    return torch.from_numpy(mixture)[:, None]


def magnitudes(name: str, seed: int) -> torch.Tensor:
    shape = (4, 384, 256) if name.startswith("tail") else (4, 384, 256, 1)
    value = magnitude(seed, f"msspt_{name}/mag", shape).reshape(4, 384, 256)
    value[1, 100:200] = 0
    return torch.from_numpy(value).transpose(1, 2).contiguous()


def original_layout(stems: torch.Tensor) -> np.ndarray:
    """`b s 1 t` in our order to `b t s` in theirs; `b t` for a single source."""
    if stems.shape[1] == 1:
        return stems[:, 0, 0].numpy(force=True)
    order = [STEMS.index(stem) for stem in MULTISOURCE_ORDER]
    return stems[:, order, 0].movedim(1, -1).numpy(force=True)


def samples(value: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The elements that the vectors keep of a large array."""
    flat, count = value.reshape(-1), reference.size
    return flat[(np.arange(count) * flat.size) // count]


def assert_close(value: np.ndarray, reference: np.ndarray, tolerance: float) -> None:
    worst = np.abs(value - reference).max() / np.abs(reference).max()
    assert worst <= tolerance, f"off by {worst:.2e} of the largest reference value"


@pytest.mark.parametrize(("file", "seed"), SEPARATORS, ids=ids(SEPARATORS))
def test_separators_give_the_original_waveforms(file: Path, seed: int) -> None:
    reference = np.load(file)
    kind = "multi" if "_multi_" in file.name else "uni"
    model, mixture = separator(kind, seed), mixtures(kind, seed)
    with torch.inference_mode():
        out = original_layout(model(mixture))
    assert out.shape == tuple(reference["out/shape"])
    assert_close(samples(out, reference["out/samples"]), reference["out/samples"], TOLERANCE)
    assert_close(out[:, :640], reference["out/head"], TOLERANCE)
    assert_close(out[:, -640:], reference["out/tail"], TOLERANCE)


@pytest.mark.parametrize(("file", "seed"), CLASSIFIERS, ids=ids(CLASSIFIERS))
def test_classifiers_give_the_original_logits(file: Path, seed: int) -> None:
    reference = np.load(file)
    name = re.fullmatch(r"msspt_(.+)_seed\d+", file.stem)[1]
    model = classifier(name, seed)
    with torch.inference_mode():
        logits = model.magnitude_logits(magnitudes(name, seed))
    assert_close(logits.numpy(), reference["logits/full"], LOGIT_TOLERANCE)


@pytest.mark.parametrize(("file", "seed"), CLASSIFIERS, ids=ids(CLASSIFIERS))
def test_name_map_uses_each_published_variable_once(file: Path, seed: int) -> None:
    reference = np.load(file)
    name = re.fullmatch(r"msspt_(.+)_seed\d+", file.stem)[1]
    names = classifier_names(name)
    with torch.device("meta"):
        ours = build_classifier(name).state_dict()
    shapes = {v.key: "x".join(map(str, published_shape(ours[n]))) for n, v in names.items()}
    published = dict(zip(reference["ckpt_names"].tolist(), reference["ckpt_shapes"].tolist(), strict=True))
    assert shapes == published
    assert len(names) == len(published)


@pytest.mark.parametrize(("file", "seed"), GRADIENTS, ids=ids(GRADIENTS))
def test_gradients_have_the_original_norms(file: Path, seed: int) -> None:
    reference = np.load(file)
    name = re.fullmatch(r"evalgrad_msspt_(.+)_seed\d+", file.stem)[1]
    if name.startswith("sep"):
        model, names, loss = separator_loss(name.removeprefix("sep_"), seed)
    else:
        model, names, loss = classifier_loss(name, seed)
    assert loss.item() == pytest.approx(float(reference["loss"]), rel=LOGIT_TOLERANCE)
    loss.backward()
    parameters = dict(model.named_parameters())
    norms = {names[n].key: parameters[n].grad.norm().item() for n in parameters}
    ours = np.array([norms[key] for key in reference["names"].tolist()])
    # A bias before a batch norm or a softmax may have no gradient at all: compare with the whole, then.
    floor = 1e-6 * float(reference["grad_global_norm"])
    error = np.abs(ours - reference["grad_norms"]) / np.maximum(reference["grad_norms"], floor)
    assert np.median(error) <= MEDIAN_GRADIENT
    assert error.max() <= WORST_GRADIENT


def separator_loss(kind: str, seed: int) -> tuple[torch.nn.Module, NameMap, torch.Tensor]:
    model = separator(kind, seed)
    shape = (2, 61_792, 4) if kind == "multi" else (2, 61_792, 1)
    name = f"msspt_sep_{kind}/target"
    target = wave(seed, name, shape if kind == "multi" else shape[:2]).reshape(shape)
    estimate = model(mixtures(kind, seed))[:, :, 0].movedim(1, -1)
    if kind == "multi":
        estimate = estimate[..., [STEMS.index(stem) for stem in MULTISOURCE_ORDER]]
    return model, unet_names(model.stems), (estimate - torch.from_numpy(target)).abs().mean()


def classifier_loss(name: str, seed: int) -> tuple[torch.nn.Module, NameMap, torch.Tensor]:
    model = classifier(name, seed)
    logits = model.magnitude_logits(magnitudes(name, seed))
    if "mtat" in name:
        label = torch.from_numpy(bernoulli(seed, f"msspt_{name}/label", (4, 50)))
        loss = F.binary_cross_entropy_with_logits(logits, label)  # Keras finds the logits behind a sigmoid
    else:
        label = torch.from_numpy(one_hot(seed, f"msspt_{name}/label", 4, 16))
        loss = F.cross_entropy(logits, label)
    return model, classifier_names(name), loss


@pytest.mark.parametrize(("file", "seed"), FRONTENDS, ids=ids(FRONTENDS))
def test_frontend_gives_the_original_pictures(file: Path, seed: int) -> None:
    reference = np.load(file)
    audio = wave(seed, "front/wave", (48_000,))
    audio[16_000:24_000] = 0
    picture = Magnitude()(torch.from_numpy(audio))  # f n
    assert Magnitude().frames(48_000) == picture.shape[-1] == reference["stft512_mag/shape"][0]
    time_first = picture.T.numpy()
    assert_close(
        samples(time_first, reference["stft512_mag/samples"]), reference["stft512_mag/samples"], TOLERANCE
    )
    spectrum = tf_stft(torch.from_numpy(audio), tf_hann(512), 160)
    for part, value in (("real", spectrum.real), ("imag", spectrum.imag)):
        stored = reference[f"stft512_{part}/samples"]
        assert_close(samples(value.T.numpy(), stored), stored, TOLERANCE)
    log_mel = LogMel(2.3025)(picture).T.numpy()
    assert_close(
        samples(log_mel, reference["mssp_logmel/samples"]), reference["mssp_logmel/samples"], TOLERANCE
    )


@pytest.mark.parametrize(("file", "seed"), FRONTENDS, ids=ids(FRONTENDS))
def test_windows_inverse_and_mel_matrix_are_tensorflows(file: Path, seed: int) -> None:
    reference = np.load(file)
    assert_close(tf_hann(512).numpy(), reference["hann512"], 1e-6)
    assert_close(tf_inverse_window(512, 160).numpy(), reference["inverse_window_512_160"], 1e-6)
    audio = wave(seed, "front/wave", (48_000,))
    audio[16_000:24_000] = 0
    spectrum = tf_stft(torch.from_numpy(audio), tf_hann(512), 160)
    back = tf_istft(spectrum, tf_inverse_window(512, 160), 160).numpy()
    assert back.size == reference["istft_roundtrip/len"]
    assert_close(back[:4096], reference["istft_roundtrip"], TOLERANCE)
    matrix = np.zeros(reference["mel128/shape"], np.float32)
    matrix[tuple(reference["mel128/idx"].astype(int))] = reference["mel128/val"]
    assert_close(tf_mel_matrix(128, 256, 16_000, 100.0, 7800.0).T.numpy(), matrix, TOLERANCE)


def test_every_vector_has_a_test() -> None:
    """A vector file of a kind that no test here reads would otherwise go unnoticed."""
    read = {file for cases in (SEPARATORS, CLASSIFIERS, GRADIENTS, FRONTENDS) for file, _ in cases}
    folder = next(iter(read)).parent
    assert {*folder.glob("msspt_*.npz"), *folder.glob("evalgrad_msspt_*.npz")} <= read
