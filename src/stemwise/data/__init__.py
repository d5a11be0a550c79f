"""What exists on disk: tracks, their audio and their labels. Never builds a network."""

from stemwise.data import (
    emomusic,
    fma,
    folder,
    giantsteps,
    gtzan,
    magnatagatune,
    musdb18,
    nsynth,
    rendered,
)
from stemwise.data.tracks import Dataset
from stemwise.data.twins import emomusic as emomusic_twins
from stemwise.data.twins import fma as fma_twins
from stemwise.data.twins import folder as folder_twins
from stemwise.data.twins import giantsteps as giantsteps_twins
from stemwise.data.twins import gtzan as gtzan_twins
from stemwise.data.twins import magnatagatune as magnatagatune_twins
from stemwise.data.twins import musdb18 as musdb18_twins
from stemwise.data.twins import nsynth as nsynth_twins

DATASETS: dict[str, Dataset] = {
    "rendered": Dataset(info=rendered.INFO, reader=rendered.tracks),
    "musdb18": Dataset(
        info=musdb18.INFO,
        reader=musdb18.tracks,
        twin=musdb18_twins.twin,
        downloads=musdb18.DOWNLOADS,
        counts=musdb18.COUNTS,
    ),
    "musdb18-hq": Dataset(
        info=musdb18.HQ_INFO,
        reader=musdb18.hq_tracks,
        twin=musdb18_twins.hq_twin,
        downloads=musdb18.HQ_DOWNLOADS,
        counts=musdb18.COUNTS,
    ),
    "magnatagatune": Dataset(
        info=magnatagatune.INFO,
        reader=magnatagatune.tracks,
        twin=magnatagatune_twins.twin,
        downloads=magnatagatune.DOWNLOADS,
        counts=magnatagatune.COUNTS,
        known_bad={name: f"corrupt mp3: {path}" for name, path in magnatagatune.CORRUPT.items()},
        checksums=magnatagatune.checksums,
    ),
    **{
        name: Dataset(
            info=info,
            reader=fma.reader(name),
            twin=fma_twins.writer(name),
            downloads=fma.downloads(name),
            counts=fma.COUNTS[name],
            known_bad=fma.KNOWN_BAD,
            checksums=fma.checksums,
        )
        for name, info in fma.INFOS.items()
    },
    "nsynth": Dataset(
        info=nsynth.INFO,
        reader=nsynth.tracks,
        twin=nsynth_twins.twin,
        downloads=nsynth.DOWNLOADS,
        counts=nsynth.COUNTS,
    ),
    "gtzan": Dataset(
        info=gtzan.INFO,
        reader=gtzan.tracks,
        twin=gtzan_twins.twin,
        downloads=gtzan.DOWNLOADS,
        counts=gtzan.COUNTS,
        listing=gtzan.LISTING,
        checksums=gtzan.checksums,
    ),
    "giantsteps": Dataset(
        info=giantsteps.INFO,
        reader=giantsteps.tracks,
        twin=giantsteps_twins.twin,
        downloads=giantsteps.DOWNLOADS,
        counts=giantsteps.COUNTS,
        listing=giantsteps.LISTING,
        checksums=giantsteps.checksums,
        further=giantsteps.previews,
        further_megabytes=giantsteps.PREVIEW_MEGABYTES * sum(giantsteps.COUNTS.values()),
    ),
    "emomusic": Dataset(
        info=emomusic.INFO,
        reader=emomusic.tracks,
        twin=emomusic_twins.twin,
        downloads=emomusic.DOWNLOADS,
        counts=emomusic.COUNTS,
        listing=emomusic.LISTING,
    ),
    "folder": Dataset(info=folder.INFO, reader=folder.tracks, twin=folder_twins.twin),
    "audio": Dataset(info=folder.AUDIO_INFO, reader=folder.audio_tracks),
    "stems": Dataset(info=folder.STEMS_INFO, reader=folder.stem_tracks, twin=musdb18_twins.stems_twin),
}
