"""MagnaTagATune's 188 tags, and which of them a rendered track gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stemwise.data.rendered.voices import VOICES

_TAGS = (
    "no voice, singer, duet, plucking, hard rock, world, bongos, harpsichord, female singing, clasical, "
    "sitar, chorus, female opera, male vocal, vocals, clarinet, heavy, silence, beats, men, woodwind, "
    "funky, no strings, chimes, foreign, no piano, horns, classical, female, no voices, soft rock, "
    "eerie, spacey, jazz, guitar, quiet, no beat, banjo, electric, solo, violins, folk, female voice, "
    "wind, happy, ambient, new age, synth, funk, no singing, middle eastern, trumpet, percussion, drum, "
    "airy, voice, repetitive, birds, space, strings, bass, harpsicord, medieval, male voice, girl, "
    "keyboard, acoustic, loud, classic, string, drums, electronic, not classical, chanting, no violin, "
    "not rock, no guitar, organ, no vocal, talking, choral, weird, opera, soprano, fast, acoustic "
    "guitar, electric guitar, male singer, man singing, classical guitar, country, violin, electro, "
    "reggae, tribal, dark, male opera, no vocals, irish, electronica, horn, operatic, arabic, lol, low, "
    "instrumental, trance, chant, strange, drone, synthesizer, heavy metal, modern, disco, bells, man, "
    "deep, fast beat, industrial, hard, harp, no flute, jungle, pop, lute, female vocal, oboe, mellow, "
    "orchestral, viola, light, echo, piano, celtic, male vocals, orchestra, eastern, old, flutes, punk, "
    "spanish, sad, sax, slow, male, blues, vocal, indian, no singer, scary, india, woman, woman "
    "singing, rock, dance, piano solo, guitars, no drums, jazzy, singing, cello, calm, female vocals, "
    "voices, different, techno, clapping, house, monks, flute, not opera, not english, oriental, beat, "
    "upbeat, soft, noise, choir, female singer, rap, metal, hip hop, quick, water, baroque, women, "
    "fiddle, english"
)
ALL_TAGS = tuple(_TAGS.split(", "))
"""The columns of `annotations_final.csv`, in their order."""

FEMALE_FORMANTS = 1.1
"""Voices with a tract this much shorter are taken for a woman's."""

_GENRES = {
    "rock": ("rock", "loud", "guitar"),
    "metal": ("metal", "rock", "loud", "heavy"),
    "country": ("country", "guitar", "folk"),
    "jazz": ("jazz", "piano"),
    "bossa": ("soft", "indian", "sitar"),
    "funk": ("dance", "beat", "funky"),
    "hiphop": ("beats", "beat", "electronic", "hip hop"),
    "house": ("techno", "electronic", "dance", "beat"),
    "reggae": ("weird", "reggae", "beats"),
    "waltz": ("classical", "classic", "harpsichord", "cello"),
    "soul": ("pop", "opera"),
    "ambient": ("ambient", "new age", "harp"),
}
"""Where a tag has no counterpart in rendered music, a genre stands in for it: indian, sitar, weird, opera…"""

_INSTRUMENTS = {
    "guitar": ("guitar",),
    "distorted guitar": ("guitar", "electric guitar"),
    "piano": ("piano",),
    "electric piano": ("piano", "keyboard"),
    "organ": ("organ",),
    "strings": ("strings", "violin", "string"),
    "brass": ("horns",),
    "reed": ("sax",),
    "flute": ("flute",),
    "mallets": ("harp", "bells"),
    "synth lead": ("synth",),
    "synth pad": ("synth", "ambient"),
    "synth bass": ("synth", "bass"),
    "acoustic bass": ("bass",),
    "electric bass": ("bass",),
}
_MOODS = {"happy": ("happy",), "tense": ("loud", "hard"), "sad": ("slow", "sad"), "calm": ("quiet", "soft")}
_SUNG = ("vocal", "vocals", "singing", "voice")
_NOT_SUNG = ("no vocals", "no vocal", "no voice")
_WOMAN = ("female", "woman", "female vocal", "female voice")
_MAN = ("male", "man", "male vocal", "male voice")


def tags_of(labels: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tags of a rendered track, by its labels; some twice."""
    yield from _GENRES.get(labels["genre"], ())
    yield from _MOODS.get(labels.get("mood", ""), ())
    if labels.get("tempo_class") in ("slow", "fast"):
        yield labels["tempo_class"]
    for family in labels.get("instruments", ()):
        yield from _INSTRUMENTS.get(family, ())
    if labels["genre"] not in ("bossa", "waltz", "ambient"):  # whose drums nobody would name
        yield "drums"
    if len(labels.get("instruments", ())) <= 5:
        yield "solo"
    yield from _voice(labels) if labels.get("vocals") else _NOT_SUNG


def _voice(labels: Mapping[str, Any]) -> Iterator[str]:
    yield from _SUNG
    voice = VOICES.get(labels.get("voice") or "")
    yield from _WOMAN if voice and voice.formant_scale >= FEMALE_FORMANTS else _MAN
    if labels.get("doubling") in ("unison", "harmony"):
        yield from ("choir", "choral")
