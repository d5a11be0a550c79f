"""Separation scores equal those of museval, mir_eval and fast_bss_eval."""

import json
import os
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from recipes import bss_signals

from stemwise.metrics.separation import bss_eval_sdr, bss_eval_sdr_frames, sdr, si_sdr

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
    ours = bss_eval_sdr_frames(reference, estimate, 8000, window_s, hop_s)
    bss_eval = museval_metrics().bss_eval
    theirs = bss_eval(reference.swapaxes(1, 2), estimate.swapaxes(1, 2), window_s * 8000, hop_s * 8000)[0]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("samples", [4000, 12000, 30000])
def test_estimates_of_another_length_are_padded_with_zeros_or_cropped(samples):
    reference, estimate = REFERENCE[:, :, :16000], np.tile(ESTIMATE, 2)[:, :, :samples]
    fitted = np.zeros_like(reference)
    fitted[:, :, :samples] = estimate[:, :, :16000]
    ours = bss_eval_sdr_frames(reference, estimate, 8000)
    np.testing.assert_array_equal(ours, bss_eval_sdr_frames(reference, fitted, 8000))
