"""What is composed: moods, forms, doublings, who plays."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from stemwise.data.rendered.band import DOUBLED_PAN
from stemwise.data.rendered.compose import compose
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.harmony import Key
from stemwise.data.rendered.lyrics import DOUBLINGS, doubles, syllables
from stemwise.data.rendered.mix import ducked
from stemwise.data.rendered.mood import Mood
from stemwise.data.rendered.presets import STAND_INS, bank, survey
from stemwise.data.rendered.score import Song
from stemwise.data.rendered.soundfont import DRUM_BANK, SoundFont, default_soundfont, open_soundfont
from stemwise.data.rendered.track import tempo_class
from stemwise.data.rendered.voices import VOICES

VOICE = VOICES["birch"]
genres = pytest.mark.parametrize("genre", GENRES)


def song(genre: str, seed: int = 0, seconds: float = 60.0, sung: bool = True) -> Song:
    rng = np.random.default_rng(seed)
    return compose(genre, seconds, VOICE if sung else None, lambda family: (family, 0), rng)


def without(font: SoundFont, *presets: tuple[int, int]) -> SoundFont:
    return replace(font, presets={k: v for k, v in font.presets.items() if k not in presets})


@pytest.fixture
def font() -> SoundFont:
    return open_soundfont(default_soundfont())


@genres
def test_mood_does_not_follow_from_the_genre(genre: str) -> None:
    assert [song(genre, seed).mood for seed in range(5)] == [song("rock", seed).mood for seed in range(5)]


def test_moods_are_the_quadrants() -> None:
    names = {Mood(arousal=a, valence=v).name for a in (0.2, 0.8) for v in (0.2, 0.8)}
    assert names == {"happy", "tense", "sad", "calm"}


@genres
def test_mood_is_heard_in_tempo_and_mode(genre: str) -> None:
    songs = [song(genre, seed, seconds=12.0) for seed in range(80)]
    arousal = np.array([s.mood.arousal for s in songs])
    tempo = np.array([s.grid.tempo_bpm for s in songs])
    assert np.corrcoef(arousal, tempo)[0, 1] > 0.7
    minor = {True: [], False: []}
    for s in songs:
        minor[s.mood.valence < 0.5].append(s.key.minor)
    assert np.mean(minor[True]) > np.mean(minor[False]) + 0.2


@genres
def test_songs_have_their_parts_and_end_in_time(genre: str) -> None:
    for seed in range(4):
        made = song(genre, seed, seconds=20.0)
        assert {part.stem for part in made.parts} == {"drums", "bass", "other"}
        starts = [note.start_s for part in made.parts for note in part.notes]
        starts += [syllable.start_s for take in made.takes for syllable in take.syllables]
        assert max(starts) < 20.0
        assert len(made.chords) * made.grid.bar_s >= 20.0 > (len(made.chords) - 1) * made.grid.bar_s


def test_long_songs_have_all_kinds_of_sections_and_their_breaks_rest() -> None:
    made = song("rock", seconds=200.0)
    assert {section.kind for section in made.sections} >= {"verse", "chorus", "break"}
    rests = [section for section in made.sections if section.kind == "break"]
    assert rests and all(section.rests for section in rests)
    for section in rests:
        start, stop = section.bars.start * made.grid.bar_s, section.bars.stop * made.grid.bar_s
        for part in made.parts:
            if part.stem in section.rests:
                assert not [n for n in part.notes if start + 0.1 < n.start_s < stop - 0.1]


def test_melody_is_of_the_key_and_on_the_beat_of_the_chord() -> None:
    made = song("waltz", seconds=60.0)
    lead = made.takes[0].syllables
    in_key = [s.pitch % 12 in made.key.scale for s in lead]
    assert np.mean(in_key) > 0.9  # chords borrow notes from outside
    assert all(VOICE.lowest <= s.pitch <= VOICE.highest for s in lead)


def test_doublings_all_occur_and_are_of_choruses_only() -> None:
    songs = [song("soul", seed) for seed in range(30)]
    assert set(Counter(s.doubling for s in songs)) == set(DOUBLINGS)
    for made in songs:
        assert len(made.takes) == {"none": 1, "harmony": 2, "unison": 3}[made.doubling]
        chorus = [s for s in made.sections if s.kind == "chorus"]
        for take in made.takes[1:]:
            for s in take.syllables:
                bar = (s.start_s + 0.05) / made.grid.bar_s
                assert any(c.bars.start - 0.1 <= bar <= c.bars.stop for c in chorus)


def test_harmony_is_a_third_above() -> None:
    key = Key(tonic=2, minor=True)
    rng = np.random.default_rng(0)
    sung = list(syllables([(0.5 * i, 0.5 * i + 0.4, 62 + i, 1.0) for i in range(6)], rng))
    (take,) = doubles(sung, "harmony", key, rng)
    assert {b.pitch - a.pitch for a, b in zip(sung, take.syllables, strict=True)} <= {2, 3, 4}
    assert all(s.pitch % 12 in key.scale for s in take.syllables)


def test_doubled_layers_play_on_both_sides() -> None:
    left, right = [part for part in song("metal").parts if abs(part.pan) == DOUBLED_PAN][:2]
    assert left.pan == -right.pan and left.family == right.family
    assert left.notes != right.notes
    assert [n.pitch for n in left.notes] == [n.pitch for n in right.notes]


@genres
def test_genres_are_not_one_sound(genre: str) -> None:
    songs = [song(genre, seed, 4.0) for seed in range(40)]
    kits = Counter(part.family for made in songs for part in made.parts if part.stem == "drums")
    assert 0.6 * kits.total() < kits[GENRES[genre].kit] < kits.total()


def test_music_gives_way_to_the_kick_and_comes_back() -> None:
    gain = ducked(np.ones((2, 44_100), np.float32), [0.25], depth=0.6, recovery_s=0.3)
    assert gain[0, 0] == 1
    assert gain[0, 11_026] == pytest.approx(0.4, abs=0.01)
    assert gain[0, 30_000] == 1


def test_presets_with_holes_are_found_out(font: SoundFont) -> None:
    # The alto saxophone of the default font has no sound for E4.
    assert any("0:65: no sound for the keys 64" in line for line in survey(font).missing)
    assert 65 not in survey(font).chosen["reed", "train"][1]


def test_a_family_that_a_split_lacks_is_played_by_another_and_said(font: SoundFont) -> None:
    presets = survey(without(font, (0, 16), (0, 19)))
    assert presets.chosen["organ", "train"] == ("synth pad", (88, 89, 95))
    assert "organ in train: played by synth pad" in presets.missing
    assert presets.chosen["organ", "test"][0] == "organ"


def test_a_font_that_lacks_too_much_is_refused(font: SoundFont) -> None:
    lacking = [(DRUM_BANK, 24), (DRUM_BANK, 0)]
    with pytest.raises(ValueError, match="in the train split, none of"):
        survey(without(font, *lacking))


def test_stand_ins_are_of_the_same_bank() -> None:
    assert all(bank(family) == bank(player) for family, player in STAND_INS.items())


def test_tempo_classes_all_occur() -> None:
    found = Counter(tempo_class(song(g, s, 4.0).grid.tempo_bpm) for g in GENRES for s in range(20))
    assert min(found.values()) > 0.2 * found.total()
