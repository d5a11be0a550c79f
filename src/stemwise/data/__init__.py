"""What exists on disk: tracks, their audio and their labels. Never builds a network."""

from stemwise.data import rendered
from stemwise.data.tracks import Dataset

DATASETS: dict[str, Dataset] = {
    "rendered": Dataset(info=rendered.INFO, tracks=rendered.tracks),
}
