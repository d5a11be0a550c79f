"""Lengths at which a Fourier transform is fast."""

from __future__ import annotations

from functools import cache


def fast_length(least: int) -> int:
    """Return the next multiple of eight, from this length on, without a prime above five.

    >>> fast_length(59_049), fast_length(65_536)
    (60000, 65536)
    """
    length = -(-least // 8) * 8
    while largest_prime(length) > 5:
        length += 8
    return length


@cache
def largest_prime(length: int) -> int:
    """Return the largest prime factor: the smaller it is, the faster the transform.

    >>> largest_prime(60_000), largest_prime(59_049), largest_prime(62)
    (5, 3, 31)
    """
    prime = 2
    while prime * prime <= length:
        if length % prime:
            prime += 1
        else:
            length //= prime
    return length
