"""MSCOL's front-end, encoder and loss give what the original TensorFlow code gives."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import calibrated_pairs, calibration, log_mel_pairs, log_mels, normal, tf_variable, wave
from test_msspt import assert_close, samples
from torch import Tensor, nn
from vector_files import ids, seeded

from stemwise.data.masking import draw, masked
from stemwise.models.efficientnet import InvertedBottleneck
from stemwise.models.frontends import ColaLogMel
from stemwise.models.mscol import Mscol, MscolConfig
from stemwise.objectives.contrastive import Matching, match
from stemwise.signal.level import unit_norm
from stemwise.signal.mel import tf_mel_matrix
from stemwise.signal.stft import tf_hann
from stemwise.weights.kind import Variable, convert, load_published
from stemwise.weights.mscol import mscol_names

TOLERANCE = 1e-4
CALIBRATED = {"mscol_calibrated_nosil": 1e-3, "mscol_calibrated": 1e-2}
"""Of the largest reference value; with silent items two TensorFlow versions differ by 4e-3."""

PLAIN = seeded("msspt_mscol/mscol_seed*.npz")
MOVED = [case for name in CALIBRATED for case in seeded(f"msspt_mscol/{name}_seed*.npz")]
FRONTENDS = seeded("msspt_mscol/frontend_seed*.npz")
AUGMENTED = seeded("msspt_mscol/mscol_augment_seed*.npz")


def encoder(seed: int) -> Mscol:
    """The published network, every weight drawn under its original name."""
    model, names = MscolConfig().build().eval(), mscol_names()
    ours = model.state_dict()
    by_key = {variable.key: name for name, variable in names.items()}

    def draw(variable: Variable) -> np.ndarray:
        shape = variable.published_shape(ours[by_key[variable.key]].shape)
        return tf_variable(seed, variable.key, shape)

    load_published(model, convert(names, draw))
    return model


@cache
def plain(seed: int) -> Mscol:
    return encoder(seed)


def pictures(time_first: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(time_first.swapaxes(1, 2)))


def assert_full(value: Tensor, reference: np.lib.npyio.NpzFile, key: str, tolerance: float) -> None:
    assert_close(value.numpy(force=True), reference[key], tolerance)


@pytest.mark.parametrize(("file", "seed"), FRONTENDS, ids=ids(FRONTENDS))
def test_frontend_gives_the_original_log_mels(file: Path, seed: int) -> None:
    reference = np.load(file)
    audio = torch.from_numpy(wave(seed, "front/wave", (48_000,)))
    audio[16_000:24_000] = 0
    normed = unit_norm(audio)
    assert_full(normed[: len(reference["l2norm/head"])], reference, "l2norm/head", TOLERANCE)
    for key, signal in (("raw", audio), ("l2", normed)):
        log_mel = ColaLogMel()(signal).T.contiguous().numpy()
        stored = reference[f"mscol_logmel_{key}/samples"]
        assert log_mel.shape == tuple(reference[f"mscol_logmel_{key}/shape"])
        assert ColaLogMel().frames(48_000) == len(log_mel)
        assert_close(samples(log_mel, stored), stored, TOLERANCE)


@pytest.mark.parametrize(("file", "seed"), FRONTENDS, ids=ids(FRONTENDS))
def test_window_and_mel_matrix_are_tensorflows(file: Path, seed: int) -> None:
    reference = np.load(file)
    assert_full(tf_hann(400), reference, "hann400", 1e-6)
    matrix = np.zeros(reference["mel64/shape"], np.float32)
    matrix[tuple(reference["mel64/idx"].astype(int))] = reference["mel64/val"]
    assert_close(tf_mel_matrix(64, 513, 16_000, 60.0, 7800.0).T.numpy(), matrix, TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize(("file", "seed"), PLAIN, ids=ids(PLAIN))
def test_encoder_gives_the_original_vectors(file: Path, seed: int) -> None:
    reference, model = np.load(file), plain(seed)
    vectors = model.network(pictures(log_mels(seed)))
    assert_full(vectors, reference, "encoder_out/full", TOLERANCE)
    assert_full(model.projection(vectors), reference, "embedding_out/full", TOLERANCE)
    long = 100 * normal(seed, "mscol/mel_long", (1, 197, 64, 1))[..., 0]
    assert_full(model.network(pictures(long)), reference, "encoder_out_T197/full", TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("silent", ["", "_silent"])
@pytest.mark.parametrize(("file", "seed"), PLAIN, ids=ids(PLAIN))
def test_loss_is_the_original_one(file: Path, seed: int, silent: str) -> None:
    reference = np.load(file)
    tag = f"pairs{silent}"
    matching = compared(plain(seed), log_mel_pairs(seed, tag), reference, tag, TOLERANCE)
    assert_full(reordered(matching), reference, f"{tag}/logits_eval", TOLERANCE)
    assert matching.cross_entropy().item() == pytest.approx(float(reference[f"{tag}/eval_loss"]), rel=1e-4)


@pytest.mark.parametrize("silent", ["", "_silent"])
@pytest.mark.parametrize(("file", "seed"), PLAIN, ids=ids(PLAIN))
def test_training_loss_and_its_gradients_are_of_the_original_size(file: Path, seed: int, silent: str) -> None:
    reference, model = np.load(file), encoder(seed)
    tag, names = f"pairs{silent}", mscol_names()
    without_drops(model)
    anchors, positives = log_mel_pairs(seed, tag)
    both = model.train().picture_projections(torch.cat([pictures(anchors), pictures(positives)]))
    active = torch.from_numpy(positives.any((1, 2)))
    loss = match(model.projection, *both.chunk(2), active).cross_entropy()
    assert loss.item() == pytest.approx(float(reference[f"{tag}/train_loss"]), rel=3e-3)
    loss.backward()
    norms = {names[name].key: weight.grad.norm().item() for name, weight in model.named_parameters()}
    keys, stored = reference[f"{tag}/grad_names"].tolist(), reference[f"{tag}/grad_norms"]
    assert norms.keys() == set(keys)
    error = np.abs([norms[key] for key in keys] - stored) / np.maximum(stored, 1e-6 * stored.max())
    assert np.median(error) < 3e-3  # as between two TensorFlow versions


@torch.no_grad()
@pytest.mark.parametrize(("file", "seed"), MOVED, ids=ids(MOVED))
def test_encoder_with_statistics_of_its_own_gives_the_original_vectors(file: Path, seed: int) -> None:
    name = file.stem.rpartition("_seed")[0]
    reference, tolerance, model = np.load(file), CALIBRATED[name], encoder(seed)
    seen, test, long = calibration(seed, silent=name == "mscol_calibrated")
    trained = calibrate(model, pictures(seen))
    stored = reference["calib/encoder_out_train_mode/samples"]
    assert_close(samples(trained.numpy(), stored), stored, tolerance)
    vectors = model.network(pictures(test))
    assert_full(vectors, reference, "calib/encoder_out/full", tolerance)
    assert_full(model.projection(vectors), reference, "calib/embedding_out/full", tolerance)
    assert_full(model.network(pictures(long)), reference, "calib/encoder_out_T197/full", tolerance)
    tags = [key.split("/")[1] for key in reference.files if key.endswith("/eval_loss")]
    assert tags
    for tag in tags:
        pairs = calibrated_pairs(seed, tag)
        matching = compared(model, pairs, reference, f"calib/{tag}", tolerance)
        loss = float(reference[f"calib/{tag}/eval_loss"])
        assert matching.cross_entropy().item() == pytest.approx(loss, rel=tolerance, abs=1e-6)
        assert matching.accuracy().item() == float(reference[f"calib/{tag}/eval_acc"])


@pytest.mark.parametrize(("file", "seed"), AUGMENTED, ids=ids(AUGMENTED))
def test_masking_and_shifting_are_the_original_ones(file: Path, seed: int) -> None:
    """Drawn from the same numbers, each excerpt is changed in the same way."""
    picture = normal(seed, "aug/mel", (98, 64, 1))[..., 0]
    for turn, reference in enumerate(np.load(file)["mask_and_shift"]):
        how = draw(np.random.RandomState(1000 * seed + turn))
        assert_close(masked(picture, how), reference, 1e-6)


@pytest.mark.parametrize(("file", "seed"), AUGMENTED, ids=ids(AUGMENTED))
def test_pairs_are_cut_and_masked_in_the_original_order(file: Path, seed: int) -> None:
    """Masked, anchors alone: the original's positive is a view, which the anchor's masks change too."""
    reference, segment = np.load(file), normal(seed, "aug/mel392", (392, 64, 1))[..., 0]
    for turn, mask in ((100, True), (101, False)):
        rng = np.random.RandomState(1000 * seed + turn)
        anchor, positive = (segment[start : start + 98] for start in rng.uniform(0, 294, 2).astype(int))
        stored = reference[f"prep{'' if mask else '_nomask'}_anchor/samples"]
        assert_close(samples(masked(anchor, draw(rng)) if mask else anchor, stored), stored, 1e-6)
    stored = reference["prep_nomask_positive/samples"]
    assert_close(samples(positive, stored), stored, 1e-6)


def test_every_vector_has_a_test() -> None:
    read = {file for cases in (PLAIN, MOVED, AUGMENTED) for file, _ in cases}
    assert {*next(iter(read)).parent.glob("mscol*.npz")} <= read


def without_drops(model: Mscol) -> None:
    """Switch stochastic depth off, as the vectors were made."""
    for module in model.modules():
        if isinstance(module, InvertedBottleneck):
            module.drop = 0.0


def calibrate(model: Mscol, seen: Tensor) -> Tensor:
    """Take the moving statistics from one batch, in training mode without stochastic depth."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    without_drops(model)
    trained = model.train().network(seen)
    model.eval()
    return trained


def compared(
    model: Mscol,
    pairs: tuple[np.ndarray, np.ndarray],
    reference: np.lib.npyio.NpzFile,
    prefix: str,
    tolerance: float,
) -> Matching:
    """Check projections and similarities of pairs, and return which belong together."""
    anchors, positives = (model.picture_projections(pictures(part)) for part in pairs)
    assert_full(anchors, reference, f"{prefix}/emb_anchor/full", tolerance)
    assert_full(positives, reference, f"{prefix}/emb_positive/full", tolerance)
    logits = model.projection.logits(anchors, positives)
    assert_full(logits, reference, f"{prefix}/raw_similarity_all_pairs_eval", tolerance)
    active = torch.from_numpy(pairs[1].any((1, 2)))
    return match(model.projection, anchors, positives, active)


def reordered(matching: Matching) -> Tensor:
    """The original puts anchors of silent positives behind the others."""
    return matching.logits[matching.labels.argsort(stable=True)]
