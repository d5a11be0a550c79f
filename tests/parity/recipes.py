"""How weights and inputs of the parity vectors are drawn: numpy only, so that any seed can be checked.

The vectors hold outputs of the original implementations; what went in is drawn here again, under the
original variable names. `tests/vectors/README.md` says where the vectors come from.
"""

import zlib

import numpy as np


def named_generator(seed: int, name: str) -> np.random.Generator:
    """Each variable and each input has a generator of its own."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def tf_variable(seed: int, key: str, shape: tuple[int, ...], *, transposed: bool = False) -> np.ndarray:
    """One checkpoint variable; a transposed convolution's kernel (kh, kw, out, in) has `in` as its fan-in."""
    leaf = key.rsplit("/", 1)[-1]
    if leaf in ("mean", "variance", "count"):  # of a Keras Normalization that was never adapted
        return np.full(shape, leaf == "variance", np.int64 if leaf == "count" else np.float32)
    z = named_generator(seed, key).standard_normal(shape)
    if leaf == "kernel":
        fan_in = shape[-1] if transposed else int(np.prod(shape[:-1]))
        value = z * np.sqrt(2.0 / fan_in)
    else:
        value = {
            "depthwise_kernel": lambda: z * np.sqrt(2.0 / (shape[0] * shape[1])),
            "bilinear_product_weight": lambda: 0.05 * z,
            "bias": lambda: 0.05 * z,
            "beta": lambda: 0.05 * z,
            "gamma": lambda: 1.0 + 0.1 * z,
            "moving_mean": lambda: 0.1 * z,
            "moving_variance": lambda: 1.0 + 0.1 * np.abs(z),
        }[leaf]()
    return value.astype(np.float32)


def wave(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return (0.1 * named_generator(seed, "input/" + name).standard_normal(shape)).astype(np.float32)


def magnitude(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.abs(named_generator(seed, "input/" + name).standard_normal(shape)).astype(np.float32)


def bernoulli(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return (named_generator(seed, "input/" + name).random(shape) < 0.1).astype(np.float32)


def one_hot(seed: int, name: str, items: int, classes: int) -> np.ndarray:
    picks = named_generator(seed, "input/" + name).integers(0, classes, items)
    return np.eye(classes)[picks].astype(np.float32)


def torch_entry(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One tensor of a PyTorch encoder, its head `fc`, or its projector."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    z = named_generator(seed, name).standard_normal(shape)
    if name.endswith("running_mean"):
        value = 0.1 * z
    elif name.endswith("running_var"):
        value = 1 + 0.1 * np.abs(z)
    elif name.endswith("bias"):
        value = 0.05 * z
    else:
        value = 1 + 0.1 * z if len(shape) == 1 else z * np.sqrt(2.0 / np.prod(shape[1:]))
    return value.astype(np.float32)


def noise_waves(seed: int, items: int = 8, samples: int = 59_049) -> np.ndarray:
    """Noise (items, 1, samples): the first half is one view, the second the other."""
    noise = np.random.default_rng([seed, 12345]).standard_normal((items, 1, samples))
    return (noise * 0.1).astype(np.float32)


def tones(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views (4, 1, 59049) of swelling chords at 22 050 Hz; the second is -0.6 of the first, and noise."""
    rng = np.random.default_rng([seed, 54321])
    time = np.arange(59_049) / 22_050.0
    first = np.zeros((4, 1, 59_049))
    for item in first:
        hz = 60 * 100 ** rng.random(5)
        level = 0.02 + 0.18 * rng.random(5)
        phase = 2 * np.pi * rng.random(5)
        swell_hz = 0.5 + 6 * rng.random()
        chord = (level[:, None] * np.sin(2 * np.pi * hz[:, None] * time + phase[:, None])).sum(0)
        item[0] = chord * (0.55 + 0.45 * np.sin(2 * np.pi * swell_hz * time))
    second = -0.6 * first + 0.02 * rng.standard_normal(first.shape)
    return first.astype(np.float32), second.astype(np.float32)


def normal(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return named_generator(seed, "input/" + name).standard_normal(shape).astype(np.float32)


def log_mels(seed: int) -> np.ndarray:
    """Four pictures (4, 98, 64), time before frequency: two as log-mels are, two far louder."""
    mel = normal(seed, "mscol/mel", (4, 98, 64, 1))[..., 0]
    return np.concatenate([-5 + 3 * mel[:2], 255 * mel[2:]])


def log_mel_pairs(seed: int, tag: str) -> tuple[np.ndarray, np.ndarray]:
    """Eight anchors and positives (8, 98, 64) that have nothing to do with each other."""
    anchors, positives = (
        20 * (-5 + 3 * normal(seed, f"mscol/{tag}/{part}", (8, 98, 64, 1))[..., 0])
        for part in ("anchor", "positive")
    )
    if "silent" in tag:
        positives[[1, 4, 6]] = 0
    return anchors, positives


def calibration(seed: int, silent: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where moving statistics come from (8, 98, 64), what is tested (4, …), a long one (1, 197, 64)."""
    shapes = {"calib": (8, 98, 64, 1), "calib_test": (4, 98, 64, 1), "calib_long": (1, 197, 64, 1)}
    seen, test, long = (-5 + 3 * normal(seed, f"mscol/{n}", shape)[..., 0] for n, shape in shapes.items())
    test[3, 30:60] = np.log(1e-5)
    if silent:
        seen[6:] = 0
        test[1, :, :32] = 0
        test[2] = 0
    return seen, test, long


def calibrated_pairs(seed: int, tag: str) -> tuple[np.ndarray, np.ndarray]:
    """Anchors and positives (n, 98, 64) that have much in common."""
    count = 4 if tag == "pairs_all_silent" else 8
    anchors, noise = (
        -5 + 3 * normal(seed, f"mscol/calib_{tag}/{part}", (count, 98, 64, 1))[..., 0]
        for part in ("anchor", "positive")
    )
    positives = 0.7 * anchors + 0.3 * noise
    if tag == "pairs_silent":
        positives[[1, 4, 6]] = 0
    if tag == "pairs_all_silent":
        positives[:] = 0
    return anchors, positives


def bss_signals(
    seed: int = 777, sample_rate: int = 8000, seconds: float = 6.0, silent: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """References and estimates (4, samples, 2) float64: drums, bass, other, vocals."""
    rng = np.random.default_rng(seed)
    samples = int(sample_rate * seconds)
    excitation = rng.standard_normal((4, samples + 32, 2))
    reference = np.zeros((4, samples, 2))
    for stem, taps in enumerate((1, 4, 8, 16)):
        for channel in range(2):
            smooth = np.convolve(excitation[stem, :, channel], np.ones(taps) / taps)
            reference[stem, :, channel] = smooth[16 : 16 + samples]
    time = np.arange(samples) / sample_rate
    reference *= (1 + 0.5 * np.sin(2 * np.pi * np.array([0.3, 0.5, 0.7, 1.1])[:, None] * time))[:, :, None]
    if silent:
        reference[3, 2 * sample_rate : 3 * sample_rate] = 0.0
    noise = rng.standard_normal((4, samples, 2))
    mixture = reference.sum(0)
    estimate = np.empty_like(reference)
    errors = ((0.05, 0.02, 0), (0.10, 0.05, 3), (0.20, 0.10, 0), (0.02, 0.30, 7))
    for stem, (leak, level, delay) in enumerate(errors):
        clean = reference[stem]
        shifted = 0.9 * np.roll(clean, delay, axis=0)
        estimate[stem] = shifted + leak * (mixture - clean) + level * noise[stem]
    return reference, estimate


def meta_tasnet_entry(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One entry of Meta-TasNet's state dict, but for the windows, which are not drawn."""
    r = named_generator(seed, name).standard_normal(shape)
    leaf = name.rsplit(".", 1)[-1]
    half = shape[0] // 2
    rules = (
        (name.endswith("spectrogram.mean"), lambda: 1.0 + 0.5 * r),
        (name.endswith("spectrogram.std"), lambda: 1.0 + 0.1 * r),
        (leaf == "affine_bias", lambda: 0.05 * r),
        (leaf == "affine_scale", lambda: 1.0 + 0.1 * r),
        (name.endswith("instrument_embedding.weight"), lambda: r),
        (".prelu_" in name, lambda: 0.25 + 0.05 * r),
        # a generated norm: scales, then shifts
        (
            name.endswith(".affine.bias"),
            lambda: np.concatenate([1.0 + 0.1 * r[:half], 0.05 * r[half:]]),
        ),
        (name.endswith("group_norm.weight"), lambda: 1.0 + 0.1 * r),
        (leaf == "bias", lambda: 0.05 * r),
        (len(shape) >= 2, lambda: r * np.sqrt(1.0 / np.prod(shape[1:]))),
    )
    return next(value for applies, value in rules if applies)().astype(np.float32)


def meta_tasnet_batch(
    seed: int, samples: int, stages: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each stage, mixtures (2, 1, t), stems (2, 4, 1, t) and which of them are active (2, 4)."""
    rng = np.random.default_rng([seed, 12345])
    found = []
    for stage in range(stages):
        stems = (0.5 * rng.standard_normal((2, 4, 1, samples << stage))).astype(np.float32)
        stems[1, 2] = 0
        found.append((stems.sum(1), stems, stems.any((-2, -1))))
    return found


def meta_tasnet_songs(seed: int, samples: int, stages: int) -> list[np.ndarray]:
    """A mixture (1, 1, t) at each rate."""
    rng = np.random.default_rng([seed, 12345, 1])
    return [rng.standard_normal((1, 1, samples << stage)).astype(np.float32) for stage in range(stages)]


def loss_inputs(seed: int) -> dict[str, np.ndarray]:
    """Inputs of Meta-TasNet's loss that are well conditioned, in float64."""
    rng = np.random.default_rng([seed, 777])
    true = rng.standard_normal((3, 4, 1, 2000))
    true[1, 2] = 0
    true[2, 0] = 0
    noise = np.array([0.1, 0.3, 0.5, 1.0])[None, :, None, None]
    estimate = 0.8 * true + noise * rng.standard_normal(true.shape)
    mixture = true.sum(1)
    reconstruction = 0.9 * mixture + 0.1 * rng.standard_normal(mixture.shape)
    latents = rng.standard_normal((3, 4, 50, 32))  # b s n d
    return {
        "true": true,
        "estimate": estimate,
        "mixture": mixture,
        "reconstruction": reconstruction,
        "latents": latents,
    }


def resample_input(seed: int) -> np.ndarray:
    """Two channels at 44.1 kHz, a little longer than two seconds."""
    rng = np.random.default_rng([seed, 888])
    samples = 44_100 * 2 + 137
    time = np.arange(samples) / 44_100
    tone = np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * 3600 * time)
    tone += 0.1 * rng.standard_normal(samples)
    return np.stack([tone, 0.3 * rng.standard_normal(samples)]).astype(np.float32)


def representations(
    seed: int, dataset: str, labels: dict[str, tuple[str, object]], classes: tuple[str, ...], size: int = 24
) -> tuple[list[str], np.ndarray]:
    """Names, sorted, and a vector of each item of a jukemir data set, which has its label in it, weakly.

    `labels` is name → (split, answer): a class, a list of classes, or two numbers, which have no `classes`.
    """
    names = sorted(name for name, (split, _) in labels.items() if split)
    vectors = named_generator(seed, dataset).standard_normal((len(names), size))
    for row, (_, answer) in zip(vectors, (labels[name] for name in names), strict=True):
        if not classes:
            row[:2] += answer
            continue
        for one in [answer] if isinstance(answer, str) else answer:
            row[classes.index(one) % size] += 1.5
    return names, vectors.astype(np.float32)


def fixed_probe(seed: int, outputs: int, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, size) and biases of a probe that finds what `representations` hid."""
    rng = np.random.default_rng([seed, 99])
    hidden = np.arange(outputs)[:, None] % size == np.arange(size)
    weights = (0.2 * rng.standard_normal((outputs, size)) + 0.8 * hidden).astype(np.float32)
    return weights, (0.05 * rng.standard_normal(outputs)).astype(np.float32)


def random_predictions(seed: int) -> dict[str, np.ndarray]:
    """Targets and predictions with ties: of 50 tags, 24 keys and two numbers."""
    rng = np.random.default_rng([seed, 4242])
    tags = rng.random((200, 50)) < 0.15
    tags[0], tags[1] = True, False
    scores = np.round(rng.random((200, 50)), 2)
    keys, estimates = rng.integers(0, 24, 500), rng.integers(0, 24, 500)
    numbers = rng.standard_normal((100, 2))
    guesses = numbers + 0.7 * rng.standard_normal((100, 2))
    return {
        "tags": tags,
        "tag_scores": scores,
        "keys": keys,
        "key_estimates": estimates,
        "numbers": numbers,
        "guesses": guesses,
    }
