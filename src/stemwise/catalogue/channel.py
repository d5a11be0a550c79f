"""A bounded queue between two threads that either side can end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Abandoned(Exception):
    """Nobody takes what is put in any more."""


class Channel(Generic[Value]):
    """Values from one thread to another, at most `depth` at a time.

    >>> channel = Channel(2)
    >>> channel.put("first")
    >>> channel.close()
    >>> list(channel)
    ['first']
    """

    def __init__(self, depth: int) -> None:
        self._depth, self._values, self._changed = depth, deque(), Condition()
        self._closed, self._abandoned, self._error = False, False, None

    def put(self, value: Value) -> None:
        """Add a value, once there is room.

        Raises:
            Abandoned: the taking side has gone.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or len(self._values) < self._depth)
            if self._abandoned:
                raise Abandoned
            self._values.append(value)
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """End the values; an error is raised where they are taken, behind the last of them."""
        with self._changed:
            self._closed, self._error = True, error
            self._changed.notify_all()

    def abandon(self) -> list[Value]:
        """Take no more; whoever puts is told. Return what was not taken."""
        with self._changed:
            self._abandoned = True
            left = list(self._values)
            self._values.clear()
            self._changed.notify_all()
        return left

    @property
    def abandoned(self) -> bool:
        """Whether the taking side has gone."""
        return self._abandoned

    def __iter__(self) -> Iterator[Value]:
        """Yield the values in their order until the channel is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._values)
                if not self._values:
                    break
                value = self._values.popleft()
                self._changed.notify_all()
            yield value
        if self._error is not None:
            raise self._error
