import pytest
import torch

from stemwise.signal.stft import tf_frames, tf_hann, tf_inverse_window, tf_istft, tf_samples, tf_stft

WINDOW, HOP = 512, 160


@pytest.mark.parametrize("frames", [5, 64, 384])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_inverse_of_stft_returns_the_interior(frames: int, batch: tuple[int, ...]) -> None:
    samples = tf_samples(frames, WINDOW, HOP)
    audio = torch.randn(*batch, samples, generator=torch.Generator().manual_seed(0))
    back = tf_istft(tf_stft(audio, tf_hann(WINDOW), HOP), tf_inverse_window(WINDOW, HOP), HOP)
    assert back.shape == audio.shape
    inside = slice(WINDOW - HOP, samples - (WINDOW - HOP))
    torch.testing.assert_close(back[..., inside], audio[..., inside], atol=2e-6, rtol=0)


def test_inverse_fades_at_the_edges_where_fewer_frames_overlap() -> None:
    audio = torch.ones(tf_samples(64, WINDOW, HOP))
    back = tf_istft(tf_stft(audio, tf_hann(WINDOW), HOP), tf_inverse_window(WINDOW, HOP), HOP)
    assert back[0] == 0
    assert 0 < back[200] < 0.9


def test_stft_agrees_with_a_transform_written_from_the_definition() -> None:
    audio = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    spectrum = tf_stft(audio, tf_hann(WINDOW), HOP)
    frames = audio.unfold(0, WINDOW, HOP) * tf_hann(WINDOW)
    assert spectrum.shape == (257, tf_frames(1000, WINDOW, HOP))
    torch.testing.assert_close(spectrum.T, torch.fft.rfft(frames), atol=1e-4, rtol=1e-4)


def test_too_short_for_one_frame() -> None:
    assert tf_frames(511, WINDOW, HOP) == 0
    with pytest.raises(AssertionError, match="at least 512"):
        tf_stft(torch.zeros(511), tf_hann(WINDOW), HOP)
