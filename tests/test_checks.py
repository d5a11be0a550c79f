"""Annotations are assertions while the tests run, shapes included."""

import pytest
import torch
from jaxtyping import TypeCheckError

from stemwise.signal.stft import tf_hann, tf_stft


def test_shape_that_is_not_the_declared_one_is_an_error() -> None:
    with pytest.raises(TypeCheckError):
        tf_stft(torch.zeros(2, 1024), tf_hann(512)[None], 160)
