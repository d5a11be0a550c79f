"""All genres by name, in the order in which they take turns."""

from __future__ import annotations

from collections.abc import Mapping

from stemwise.data.rendered.genre import Genre
from stemwise.data.rendered.genres_played import PLAYED
from stemwise.data.rendered.genres_produced import PRODUCED

GENRES: Mapping[str, Genre] = {**PLAYED, **PRODUCED}
