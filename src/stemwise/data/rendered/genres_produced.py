"""Genres of the studio, of the dance floor and of slow songs; the patterns are explained in `genre`."""

from __future__ import annotations

from collections.abc import Mapping

from stemwise.data.rendered.genre import Genre, Layer, Tune

PRODUCED: Mapping[str, Genre] = {
    "hiphop": Genre(
        tempo_bpm=(76.0, 104.0),
        swing=0.57,
        kit="electronic kit",
        grooves=(
            "kick:X......x..x..... snare:....X.......X... hat:x.x.x.x.x.x.x.xx",
            "kick:X..x......x.x... clap:....X.......X... hat:x.xxx.x.x.xxx.x.",
            "kick:X.....x...x....x snare:....X.......X..o hat:xxxxx.xxxxxx.xxx",
        ),
        bass=("synth bass", "electric bass"),
        bass_patterns=("r------r--5-----", "r---..r---r.....", "r-.....r--8-r---"),
        layers=(
            Layer(
                style="figure",
                families=("electric piano", "piano", "mallets", "guitar"),
                patterns=("1-3-2---4-3-2---", "1---3-2---4---2-", "4-3-2-1-4-3-2-1-"),
            ),
            Layer(style="chords", families=("strings", "synth pad", "organ"), level_db=-2.0, chance=0.9),
            Layer(
                style="melody",
                families=("flute", "synth lead", "brass"),
                lowest=65,
                level_db=-2.0,
                chance=0.4,
            ),
        ),
        major=("1M7 6m7", "4M7 3m7", "1 6m 4 5"),
        minor=("1m7 b6M7", "1m 4m", "1m b6 4m 5"),
        reverb_s=0.5,
        tune=Tune(offbeats=0.7, density=0.85, span=5, longest_beats=1.0, grain=1),
        pump=0.3,
    ),
    "house": Genre(
        tempo_bpm=(116.0, 130.0),
        kit="electronic kit",
        grooves=(
            "kick:X...X...X...X... clap:....x.......x... open:..x...x...x...x. hat:x.xxx.xxx.xxx.xx",
            "kick:X...X...X...X... snare:....x.......x... hat:..x...x...x...x. shaker:xoxoxoxoxoxoxoxo",
        ),
        bass=("synth bass",),
        bass_patterns=("..r-..r-..r-..r-", "r..r..r...r.8.r.", "..r-..r8..r-..58"),
        layers=(
            Layer(
                style="chords",
                families=("piano", "organ", "synth lead"),
                patterns=("x..x..x...x..x..", "..x-..x-..x-..x-", "x--x--x---x--x--"),
            ),
            Layer(style="chords", families=("synth pad", "strings"), level_db=-2.0, chance=0.9),
            Layer(
                style="figure",
                families=("synth lead", "mallets"),
                lowest=67,
                patterns=("1.2.3.4.3.2.1.2.", "1231231231231231"),
                level_db=-4.0,
                chance=0.7,
            ),
        ),
        major=("1 5 6m 4", "4M7 5 6m7 6m7", "1 4"),
        minor=("1m7 b7 b6M7 b7", "1m b6 b3 b7", "1m7 4m7"),
        tune=Tune(offbeats=0.5, density=0.55, span=12),
        pump=0.65,
    ),
    "reggae": Genre(
        tempo_bpm=(68.0, 96.0),
        swing=0.56,
        grooves=(
            "kick:........X....... rim:........X....... hat:x.x.x.x.x.x.x.x.",
            "kick:X...X...X...X... snare:........X....... hat:..x...x...x..xx.",
        ),
        bass=("electric bass",),
        bass_patterns=("r--.r-5-..8-5-..", "....r-r-5---r-..", "r-..r-r-..5-8-5-"),
        layers=(
            Layer(
                style="chords",
                families=("guitar", "piano"),
                lowest=60,
                patterns=("....x.......x...", "....xx......xx.."),
            ),
            Layer(
                style="chords",
                families=("organ",),
                patterns=("..x.xx..x.x.xx..", "..x-..x-..x-..x-"),
                level_db=-1.0,
            ),
            Layer(style="melody", families=("brass", "reed", "flute"), lowest=64, level_db=-2.0, chance=0.5),
        ),
        major=("1 4 1 5", "1 5 4 4", "1 2m 4 5"),
        minor=("1m 4m", "1m b7 4m 1m", "1m b7 b6 5"),
        tune=Tune(offbeats=0.6),
    ),
    "waltz": Genre(
        tempo_bpm=(96.0, 170.0),
        time_signature="3/4",
        beats=3,
        grooves=(
            "kick:X........... rim:....x...x... hat:....x...x...",
            "kick:X.........o. ride:x...x.x.x... snare:....o...x...",
        ),
        bass=("acoustic bass", "electric bass"),
        bass_patterns=("r-----------", "r-------5---", "r-------w-a-"),
        layers=(
            Layer(style="chords", families=("piano", "guitar"), patterns=("....x-..x-..", "..x-x-..x-..")),
            Layer(style="melody", families=("strings", "reed", "flute"), lowest=65, chance=0.9),
            Layer(
                style="chords",
                families=("strings", "organ"),
                patterns=("x-----------",),
                level_db=-4.0,
                chance=0.6,
            ),
        ),
        major=("1 1 5 5", "1 4 57 1", "1 6m 2m 57"),
        minor=("1m 4m 57 1m", "1m b7 b6 57", "1m 1m 57 1m"),
        reverb_s=1.2,
        tune=Tune(offbeats=0.15, density=0.75),
    ),
    "soul": Genre(
        tempo_bpm=(52.0, 84.0),
        time_signature="12/8",
        steps=3,
        grooves=(
            "kick:X.....x.x... snare:...X.....X.. hat:xxxxxxxxxxxx",
            "kick:X....xx..... snare:...X.....X.o ride:x.xx.xx.xx.x",
        ),
        bass=("electric bass",),
        bass_patterns=("r----rr--5-a", "r--r-55--8-5", "r-----5--w-a"),
        layers=(
            Layer(
                style="chords",
                families=("piano", "organ", "electric piano"),
                patterns=("xxxxxxxxxxxx", "x--x--x--x--", "x-xx-xx-xx-x"),
            ),
            Layer(
                style="figure",
                families=("guitar", "mallets"),
                patterns=("123432123432", "1-31-31-31-3"),
                level_db=-2.0,
                chance=0.7,
            ),
            Layer(
                style="chords",
                families=("strings", "brass", "reed"),
                patterns=("x-----------", "......x-----"),
                level_db=-3.0,
                chance=0.8,
            ),
        ),
        major=("1 6m 2m7 57", "1 3m 4 5", "1 17 4 4m"),
        minor=("1m 4m b7 b3", "1m b6 2o 57", "1m b7 b6 57"),
        reverb_s=1.2,
        tune=Tune(offbeats=0.5, longest_beats=4.0),
    ),
    "ambient": Genre(
        tempo_bpm=(64.0, 108.0),
        kit="electronic kit",
        grooves=(
            "kick:x.........x..... rim:........x....... shaker:x.o.x.o.x.o.x.o.",
            "kick:x.......x....... hat:..x...x...x...xo tom:......x.......x.",
        ),
        bass=("synth bass", "acoustic bass"),
        bass_patterns=("r---------------", "r-------5-------", "r-----r-----8---"),
        layers=(
            Layer(style="chords", families=("synth pad", "strings")),
            Layer(
                style="figure",
                families=("mallets", "electric piano", "piano"),
                lowest=64,
                patterns=("1..2..3..4..3..2", "1-------3---4---", "..1...3...2...4."),
                level_db=-2.0,
            ),
            Layer(
                style="melody",
                families=("flute", "synth lead", "guitar"),
                lowest=65,
                level_db=-4.0,
                chance=0.5,
            ),
        ),
        major=("1M7 4M7", "1 5 4 4", "1M7 3m7 4M7 5"),
        minor=("1m7 b6M7", "1m b3 b7 4m", "1m7 4m7 b6M7 b7"),
        reverb_s=2.0,
        tune=Tune(offbeats=0.2, density=0.4, longest_beats=6.0),
    ),
}
