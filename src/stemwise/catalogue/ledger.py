"""What is known of millions of inputs, in sixteen bytes each."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

_FRESH = 2**16


def digest(*parts: object) -> int:
    """Return 64 bits that stand for some values.

    >>> digest("song.mp3", 1024) == digest("song.mp3", 1024) != digest("song.mp3", 1025)
    True
    """
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


class Ledger:
    """A map from 64 bits to 64 bits: two sorted arrays, and a dict of what came since.

    >>> ledger = Ledger()
    >>> ledger[7] = 1
    >>> ledger[7], ledger.get(8)
    (1, None)
    """

    def __init__(self) -> None:
        self._keys, self._values = np.empty(0, np.uint64), np.empty(0, np.uint64)
        self._fresh: dict[int, int] = {}

    def __setitem__(self, key: int, value: int) -> None:
        self._fresh[key] = value
        if len(self._fresh) >= _FRESH:
            self._merge()

    def __getitem__(self, key: int) -> int:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: int) -> bool:
        return self.get(key) is not None

    def get(self, key: int) -> int | None:
        """Return a key's value, None where there is none."""
        if key in self._fresh:
            return self._fresh[key]
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        return int(self._values[at]) if at < len(self._keys) and self._keys[at] == key else None

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, np.fromiter(self._fresh, np.uint64, len(self._fresh))])
        fresh = np.fromiter(self._fresh.values(), np.uint64, len(self._fresh))
        values = np.concatenate([self._values, fresh])
        order = np.argsort(keys, kind="stable")  # of equal keys the latest comes last, and stays
        keys, values = keys[order], values[order]
        last = np.append(keys[1:] != keys[:-1], True)
        self._keys, self._values, self._fresh = keys[last], values[last], {}
