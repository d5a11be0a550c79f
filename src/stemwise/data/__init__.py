"""What exists on disk: tracks, their audio and their labels. Never builds a network."""

from stemwise.data import fma, folder, magnatagatune, musdb18, rendered
from stemwise.data.tracks import Dataset

DATASETS: dict[str, Dataset] = {
    "rendered": Dataset(info=rendered.INFO, reader=rendered.tracks),
    "musdb18": Dataset(
        info=musdb18.INFO,
        reader=musdb18.tracks,
        downloads=musdb18.DOWNLOADS,
        counts=musdb18.COUNTS,
    ),
    "musdb18-hq": Dataset(
        info=musdb18.HQ_INFO,
        reader=musdb18.hq_tracks,
        downloads=musdb18.HQ_DOWNLOADS,
        counts=musdb18.COUNTS,
    ),
    "magnatagatune": Dataset(
        info=magnatagatune.INFO,
        reader=magnatagatune.tracks,
        downloads=magnatagatune.DOWNLOADS,
        counts=magnatagatune.COUNTS,
        known_bad={name: f"corrupt mp3: {path}" for name, path in magnatagatune.CORRUPT.items()},
        checksums=magnatagatune.checksums,
    ),
    **{
        name: Dataset(
            info=info,
            reader=fma.reader(name),
            downloads=fma.downloads(name),
            counts=fma.COUNTS[name],
            known_bad=fma.KNOWN_BAD,
            checksums=fma.checksums,
        )
        for name, info in fma.INFOS.items()
    },
    "folder": Dataset(info=folder.INFO, reader=folder.tracks),
    "stems": Dataset(info=folder.STEMS_INFO, reader=folder.stem_tracks),
}
