"""Separation scores equal those of museval, mir_eval and fast_bss_eval."""

import json
import os
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from recipes import bss_signals

from stemwise.metrics.separation import bss_eval, bss_eval_sdr, bss_eval_sdr_frames, sdr, si_sdr

OWN = Path(__file__).parents[1] / "vectors"
NAME = "evaluation/bss_reference.json"
FOLDERS = [Path(os.environ.get("STEMWISE_PARITY_VECTORS") or OWN), OWN]
EXPECTED = json.loads(next(f / NAME for f in FOLDERS if (f / NAME).is_file()).read_text())


def signals(silent: bool) -> tuple[np.ndarray, np.ndarray]:
    reference, estimate = bss_signals(silent=silent)  # (s, t, c)
    return reference.swapaxes(1, 2), estimate.swapaxes(1, 2)


def test_the_signals_are_those_that_were_scored():
    reference, estimate = signals(silent=True)
    sums = EXPECTED["input_checksums"]
    assert np.allclose(np.linalg.norm(reference, axis=(1, 2)), sums["ref_norm"], rtol=1e-12)
    assert np.allclose(np.linalg.norm(estimate, axis=(1, 2)), sums["est_norm"], rtol=1e-12)
    assert np.allclose(estimate[2, :, 2345], sums["est[2,2345]"], rtol=1e-12)


def test_sdr_per_frame_and_its_nan_rule_equal_museval():
    expected = np.array(EXPECTED["museval_v4_win1s"]["SDR"], float)
    assert np.isnan(expected).any()
    frames = bss_eval_sdr_frames(*signals(silent=True), 8000)
    np.testing.assert_allclose(frames, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("score", ["SDR", "ISR", "SIR", "SAR"])
@pytest.mark.parametrize(
    ("key", "silent", "seconds"),
    [("museval_v4_win1s", True, 1.0), ("museval_v4_nosilence_wholefile", False, 6.0)],
)
def test_all_four_scores_equal_museval(score, key, silent, seconds):
    found = bss_eval(*signals(silent=silent), 8000, window_s=seconds, hop_s=seconds)[score]
    np.testing.assert_allclose(found, np.array(EXPECTED[key][score], float), rtol=0, atol=1e-9)


def test_the_median_of_frames_equals_museval():
    expected = EXPECTED["museval_v4_median_of_frames"]["SDR"]
    np.testing.assert_allclose(bss_eval_sdr(*signals(silent=True), 8000), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "key", ["usdr_nosilence", "museval_v4_nosilence_wholefile", "mir_eval_bss_eval_images_nosilence"]
)
def test_whole_file_sdr_equals_the_image_sdr_of_both_packages(key):
    expected = EXPECTED[key]["SDR"] if isinstance(EXPECTED[key], dict) else EXPECTED[key]
    pair = signals(silent=False)
    np.testing.assert_allclose(sdr(*pair), np.ravel(expected), rtol=0, atol=1e-9)
    one_window = bss_eval_sdr(*pair, 8000, window_s=6.0, hop_s=6.0)
    np.testing.assert_allclose(one_window, np.ravel(expected), rtol=0, atol=1e-9)


@pytest.mark.parametrize("key", ["fast_bss_eval_si_ch0_nosilence", "repo_sdr_objective_ch0_nosilence"])
def test_scale_invariant_sdr_equals_both_packages(key):
    expected = EXPECTED[key]["SI-SDR"] if isinstance(EXPECTED[key], dict) else EXPECTED[key]
    reference, estimate = signals(silent=False)
    np.testing.assert_allclose(si_sdr(reference[:, :1], estimate[:, :1]), expected, rtol=0, atol=1e-9)


def _silence(signal: np.ndarray, stem: int, start: int, stop: int) -> np.ndarray:
    signal = signal.copy()
    signal[stem, :, start:stop] = 0
    return signal


REFERENCE, ESTIMATE = (x.swapaxes(1, 2)[:2] for x in bss_signals(seconds=2.3, silent=False))
OPPOSED = _silence(REFERENCE, 0, 0, 0)
OPPOSED[0, 1, :8000] = -OPPOSED[0, 0, :8000]
CASES = {
    "a last window that is not full": (REFERENCE, ESTIMATE, 1.0, 1.0),
    "overlapping windows": (REFERENCE, ESTIMATE, 1.0, 0.5),
    "a window longer than the signal": (REFERENCE, ESTIMATE, 9.0, 9.0),
    "a silent reference": (_silence(REFERENCE, 1, 8000, 16000), ESTIMATE, 1.0, 1.0),
    "a silent estimate": (REFERENCE, _silence(ESTIMATE, 0, 8000, 16000), 1.0, 1.0),
    "channels that cancel": (OPPOSED, ESTIMATE, 1.0, 1.0),
}


def museval_metrics() -> ModuleType:
    """museval's file of metrics alone: the package imports stempeg, which wants an ffmpeg program."""
    package = find_spec("museval")
    if package is None:
        pytest.skip("museval is not installed")
    spec = spec_from_file_location("museval_metrics", Path(package.origin).with_name("metrics.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", CASES)
def test_corner_cases_are_museval_s(case):
    reference, estimate, window_s, hop_s = CASES[case]
    ours = bss_eval(reference, estimate, 8000, window_s, hop_s)
    theirs = museval_scores(reference, estimate, window_s, hop_s)
    for name, score in theirs.items():
        np.testing.assert_allclose(ours[name], score, rtol=0, atol=1e-9, err_msg=name)
    alone = bss_eval_sdr_frames(reference, estimate, 8000, window_s, hop_s)
    np.testing.assert_array_equal(alone, ours["SDR"])


def museval_scores(
    reference: np.ndarray, estimate: np.ndarray, window_s: float = 1.0, hop_s: float = 1.0
) -> dict[str, np.ndarray]:
    pair = reference.swapaxes(1, 2), estimate.swapaxes(1, 2)
    found = museval_metrics().bss_eval(*pair, window_s * 8000, hop_s * 8000)
    return dict(zip(("SDR", "ISR", "SIR", "SAR"), found, strict=False))


def _channel(stem: int, channel: int, factor: float) -> np.ndarray:
    """The references, one channel of which is another one times a factor."""
    signal = REFERENCE.copy()
    signal[stem, channel] = factor * signal[stem, 1 - channel]
    return signal


def _sixteen_bit(signal: np.ndarray) -> np.ndarray:
    return np.round(signal / np.abs(signal).max() * 32767) / 32768


def _band_limited(signal: np.ndarray) -> np.ndarray:
    """Nothing at all above 70 % of the band."""
    spectrum = np.fft.rfft(signal)
    spectrum[..., int(0.7 * spectrum.shape[-1]) :] = 0
    return np.fft.irfft(spectrum, signal.shape[-1])


WELL_POSED = {
    "a silent channel": (_channel(0, 1, 0.0), ESTIMATE),
    "a mono stem": (_channel(1, 0, 1.0), ESTIMATE),
    "proportional channels": (_channel(0, 1, -0.3), ESTIMATE),
    "one channel": (REFERENCE[:, :1], ESTIMATE[:, :1]),
    "one stem": (REFERENCE[:1], ESTIMATE[:1]),
    "16 bit": (_sixteen_bit(REFERENCE), _sixteen_bit(ESTIMATE)),
    "16 bit, proportional channels": (_sixteen_bit(_channel(0, 1, 0.3)), _sixteen_bit(ESTIMATE)),
    "16 bit, band-limited": (_sixteen_bit(_band_limited(REFERENCE)), _sixteen_bit(_band_limited(ESTIMATE))),
    "single precision": (REFERENCE.astype(np.float32), ESTIMATE.astype(np.float32)),
    "stems of very different levels": (
        REFERENCE * np.array([1.0, 1e-4])[:, None, None],
        ESTIMATE * np.array([1.0, 1e-4])[:, None, None],
    ),
}
DEGENERATE = {
    "band-limited references": (_band_limited(REFERENCE), ESTIMATE),
    "band-limited, single precision": (
        _band_limited(REFERENCE).astype(np.float32),
        _band_limited(ESTIMATE).astype(np.float32),
    ),
    "proportional channels, single precision": (_channel(0, 1, 0.3).astype(np.float32), ESTIMATE),
}


@pytest.mark.parametrize("case", WELL_POSED | DEGENERATE)
def test_all_four_scores_are_museval_s(case, caplog):
    reference, estimate = (WELL_POSED | DEGENERATE)[case]
    ours = bss_eval(reference, estimate, 8000)
    doubled = reference.astype(np.float64), estimate.astype(np.float64)
    for name, score in museval_scores(*doubled).items():
        np.testing.assert_allclose(ours[name], score, rtol=0, atol=1e-6, err_msg=name)
    assert bool(caplog.records) == (case in DEGENERATE), "the fast solution, where it can be trusted"


@pytest.mark.parametrize("samples", [4000, 12000, 30000])
def test_estimates_of_another_length_are_padded_with_zeros_or_cropped(samples):
    reference, estimate = REFERENCE[:, :, :16000], np.tile(ESTIMATE, 2)[:, :, :samples]
    fitted = np.zeros_like(reference)
    fitted[:, :, :samples] = estimate[:, :, :16000]
    ours = bss_eval_sdr_frames(reference, estimate, 8000)
    np.testing.assert_array_equal(ours, bss_eval_sdr_frames(reference, fitted, 8000))
