"""Classes of public data sets, in the order in which published classifiers number them, and of rendered
music."""

MTAT_TAGS = (
    "guitar",
    "classical",
    "slow",
    "techno",
    "strings",
    "drums",
    "electronic",
    "rock",
    "fast",
    "piano",
    "ambient",
    "beat",
    "violin",
    "vocal",
    "synth",
    "female",
    "indian",
    "opera",
    "male",
    "singing",
    "vocals",
    "no vocals",
    "harpsichord",
    "loud",
    "quiet",
    "flute",
    "woman",
    "male vocal",
    "no vocal",
    "pop",
    "soft",
    "sitar",
    "solo",
    "man",
    "classic",
    "choir",
    "voice",
    "new age",
    "dance",
    "male voice",
    "female vocal",
    "beats",
    "harp",
    "cello",
    "no voice",
    "weird",
    "country",
    "metal",
    "female voice",
    "choral",
)
"""MagnaTagATune's fifty most frequent tags. That MSSPT's columns follow this order, which a script of the
same authors uses, is likely and not proven: no names stand beside its labels."""

FMA_GENRES = (
    "Electronic",
    "Instrumental",
    "Hip-Hop",
    "Country",
    "Spoken",
    "Old-Time / Historic",
    "Classical",
    "Blues",
    "International",
    "Pop",
    "Folk",
    "Jazz",
    "Experimental",
    "Easy Listening",
    "Rock",
    "Soul-RnB",
)
"""FMA's sixteen top genres, in the order of MSSPT's released code."""

NSYNTH_FAMILIES = (
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
)
"""NSynth's instrument families, in the order of its own numbers."""

GTZAN_GENRES = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
"""GTZAN's genres, in the order of the alphabet and of jukemir."""

GENRES = (
    "rock",
    "metal",
    "country",
    "jazz",
    "bossa",
    "funk",
    "hiphop",
    "house",
    "reggae",
    "waltz",
    "soul",
    "ambient",
)
"""Genres of rendered music."""

INSTRUMENTS = (
    "acoustic bass",
    "electric bass",
    "synth bass",
    "piano",
    "electric piano",
    "organ",
    "guitar",
    "distorted guitar",
    "strings",
    "brass",
    "reed",
    "flute",
    "mallets",
    "synth lead",
    "synth pad",
)
"""What may or may not sound in a rendered track; drums always do, and the voice is `vocals`."""

TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
"""The 24 keys as `key` labels spell them."""

SMALL_GENRES = (
    "Electronic",
    "Instrumental",
    "Hip-Hop",
    "International",
    "Pop",
    "Folk",
    "Experimental",
    "Rock",
)
"""The eight balanced genres of FMA's small subset."""

PIANO_PITCHES = tuple(str(pitch) for pitch in range(21, 109))
"""MIDI numbers of a piano's keys, as texts."""
