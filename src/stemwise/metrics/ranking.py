"""ROC-AUC of many score lists at once, by sorting: what choosing between hundreds of probes needs.

A score's bits, in an order-preserving form, and its target as the lowest bit make one integer. Once the
integers are sorted, all is known: no order has to be kept, and NumPy sorts integers with vector instructions.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor


def ranked_roc_auc(targets: Bool[Tensor, "k n"], scores: Float32[Tensor, "p k n"]) -> Float64[Tensor, "p k"]:
    """Return the area under the ROC curve of each label, for each of some lists of scores.

    Equal to scikit-learn's: a pair that ties counts as half in order. NaN where a label's targets are all
    positive or all negative, and where one of its scores is NaN.

    Args:
        targets: of each label and item.
        scores: higher for more likely; on the CPU or a GPU.

    Example:
        >>> targets = torch.tensor([[False, True, False]])
        >>> ranked_roc_auc(targets, torch.tensor([[[0.1, 0.4, 0.4]]]))
        tensor([[0.7500]], dtype=torch.float64)
    """
    positives = targets.sum(1).double()
    pairs = positives * (targets.shape[1] - positives)
    at_once = 1 if scores.device.type == "cpu" else len(scores)  # one list of lists fits a processor's cache
    found = [_in_order(targets, part) for part in scores.split(at_once)] if len(scores) else []
    wins = torch.cat(found) if found else scores.new_zeros(0, len(targets), dtype=torch.float64)
    return torch.where(pairs > 0, wins / pairs, torch.nan)


_INFINITE = 2 * 0x7F800000 + 3
"""What no key of a number goes beyond, on either side; those of NaN do."""


def _in_order(targets: Bool[Tensor, "k n"], scores: Float32[Tensor, "p k n"]) -> Float64[Tensor, "p k"]:
    """Return how many pairs of a positive and a negative are in order, ties as half of one; NaN of NaN."""
    keys = _sorted(_keys(scores).bitwise_or_(targets))
    positive = (keys & 1).double()
    count = positive.sum(2)
    places = torch.arange(keys.shape[2], dtype=torch.float64, device=keys.device)
    wins = positive @ places - count * (count - 1) / 2  # at equal scores negatives lie first: ties as won
    steps = keys[..., 1:] - keys[..., :-1]
    near = steps == 1  # a score of a negative and a positive; or two scores with none between
    wins -= _tied_pairs(keys, near) / 2
    return wins.masked_fill((keys[..., 0] < -_INFINITE) | (keys[..., -1] > _INFINITE), torch.nan)


def _keys(scores: Float32[Tensor, "p k n"]) -> Int64[Tensor, "p k n"]:
    """Return even integers in the order of the scores; -0 and 0 are one."""
    bits = (scores + 0.0).view(torch.int32)
    return bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF)).long().bitwise_left_shift_(1)


def _sorted(keys: Int64[Tensor, "p k n"]) -> Int64[Tensor, "p k n"]:
    if keys.device.type != "cpu":
        return keys.sort(-1).values
    keys.numpy().sort(-1)  # in place
    return keys


def _tied_pairs(keys: Int64[Tensor, "p k n"], near: Bool[Tensor, "p k m"]) -> Float64[Tensor, "p k"]:
    """Return how many pairs of a negative and a positive have the same score.

    Args:
        keys: sorted.
        near: where the next key is one more: a positive behind a negative of its score, or another score.
    """
    rows, size = keys.shape[0] * keys.shape[1], keys.shape[2]
    row, place = near.flatten(0, 1).nonzero(as_tuple=True)
    tied = keys.flatten(0, 1)[row, place] & 1 == 0
    row, place = row[tied], place[tied]
    numbers = torch.arange(rows, device=keys.device)
    flat = (keys.flatten(0, 1) + (numbers << 34)[:, None]).flatten()  # all rows are one sorted list
    last = row * size + place
    negatives = last + 1 - torch.searchsorted(flat, flat[last])
    positives = torch.searchsorted(flat, flat[last] + 1, right=True) - (last + 1)
    found = torch.zeros(rows, dtype=torch.float64, device=keys.device)
    return found.index_add_(0, row, (negatives * positives).double()).unflatten(0, keys.shape[:2])
