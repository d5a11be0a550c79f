"""Windows and chunks: nothing is lost, nothing twice."""

import pytest
import torch

from stemwise.signal.chunk import chunks, window_count, windows

LENGTHS = (1, 9, 10, 11, 14, 15, 100, 101)


@pytest.mark.parametrize("samples", [0, *LENGTHS])
@pytest.mark.parametrize("chunk", [1, 7, 10, 1000])
def test_chunks_tile_the_signal(samples: int, chunk: int) -> None:
    covered = [sample for c in chunks(samples, chunk, context=5) for sample in range(c.start, c.stop)]
    assert covered == list(range(samples))


@pytest.mark.parametrize("context", [0, 5, 12])
def test_chunks_reach_their_context_to_both_sides(context: int) -> None:
    for c in chunks(101, 10, context):
        assert (c.start - c.reach_start, c.reach_stop - c.stop) == (context, context)


def test_chunks_start_on_the_grid() -> None:
    assert all(c.start % 8 == c.reach_start % 8 == 0 for c in chunks(1001, chunk=32, context=16))


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("hop", [1, 5, 10, 13])
def test_there_are_as_many_windows_as_counted(samples: int, hop: int) -> None:
    assert windows(torch.zeros(2, samples), 10, hop).shape == (2, window_count(samples, 10, hop), 10)


def test_windows_are_the_signal_a_hop_apart() -> None:
    found = windows(torch.arange(25.0), 10, 5)
    assert found[:, 0].tolist() == [0, 5, 10, 15]
    assert found[2].tolist() == list(range(10, 20))


def test_short_signal_is_one_window_filled_with_silence() -> None:
    assert windows(torch.ones(3), 5, 5).tolist() == [[1, 1, 1, 0, 0]]


def test_what_is_left_behind_the_last_whole_window_is_dropped() -> None:
    assert torch.equal(windows(torch.arange(14.0), 10, 5), windows(torch.arange(10.0), 10, 5))
