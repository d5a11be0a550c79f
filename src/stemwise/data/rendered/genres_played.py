"""Genres that come from bands who play together; the patterns are explained in `genre`."""

from __future__ import annotations

from collections.abc import Mapping

from stemwise.data.rendered.genre import JAZZ_MAJOR, JAZZ_MINOR, POP_MAJOR, POP_MINOR, Genre, Layer, Tune

PLAYED: Mapping[str, Genre] = {
    "rock": Genre(
        tempo_bpm=(96.0, 150.0),
        grooves=(
            "kick:X.......x.x..... snare:....X.......X... hat:x.x.x.x.x.x.x.x.",
            "kick:X..x....X.x..... snare:....X.......X..o ride:x.x.x.x.x.x.x.x.",
            "kick:X.....x.X....... snare:....X.......X... open:x...x...x...x...",
        ),
        bass=("electric bass",),
        bass_patterns=("r-r-r-r-r-r-r-r-", "r--r--r-r-r-5-8-", "r---r-r-r---5-a-"),
        layers=(
            Layer(
                style="chords",
                families=("distorted guitar",),
                doubled=True,
                lowest=48,
                patterns=("x-x-x-x-x-x-x-x-", "x-----x-x---x---", "x--x--x-x--x--x-"),
            ),
            Layer(
                style="chords",
                families=("guitar", "organ", "piano"),
                patterns=("x-------x-------", "x---x---x---x---"),
                level_db=-3.0,
                chance=0.8,
            ),
            Layer(
                style="melody",
                families=("distorted guitar", "synth lead"),
                lowest=64,
                level_db=-2.0,
                chance=0.5,
            ),
        ),
        major=POP_MAJOR,
        minor=POP_MINOR,
    ),
    "metal": Genre(
        tempo_bpm=(110.0, 180.0),
        grooves=(
            "kick:XxxxXxxxXxxxXxxx snare:....X.......X... ride:x...x...x...x...",
            "kick:X.xxX.xxX.xxX.xx snare:....X.......X... hat:x...x...x...x...",
            "kick:X..xX..xX..xX.xx snare:........X....... open:x...x...x...x...",
        ),
        bass=("electric bass",),
        bass_patterns=("rrrrrrrrrrrrrrrr", "r-rrr-rrr-rrr-rr", "r--r--r-r--r--r-"),
        layers=(
            Layer(
                style="power",
                families=("distorted guitar",),
                doubled=True,
                lowest=40,
                patterns=("x.xxx.xxx.xxx.xx", "x--x--x-x--x--x-", "xxxxx---xxxxx---"),
            ),
            Layer(style="chords", families=("strings", "synth pad", "organ"), level_db=-5.0, chance=0.7),
            Layer(
                style="melody",
                families=("distorted guitar", "synth lead"),
                lowest=64,
                level_db=-2.0,
                chance=0.6,
            ),
        ),
        major=("1 b7 4 1", "1 b6 b7 1", "1 5 4 5"),
        minor=("1m b6 b7 1m", "1m b2 1m b7", "1m b3 b6 5"),
        reverb_s=0.6,
        tune=Tune(offbeats=0.25, density=0.6),
    ),
    "country": Genre(
        tempo_bpm=(92.0, 140.0),
        grooves=(
            "kick:X.......X....... snare:..o.x.o...o.x.o. hat:x.x.x.x.x.x.x.x.",
            "kick:X.......X.....x. rim:....X.......X... shaker:x.xxx.xxx.xxx.xx",
        ),
        bass=("acoustic bass", "electric bass"),
        bass_patterns=("r-------5-------", "r---r---5---5-a-", "r-------5---w-a-"),
        layers=(
            Layer(
                style="figure",
                families=("guitar",),
                patterns=("1-3-2-3-1-3-2-3-", "1-2-3-4-3-2-3-4-", "1324132413241324"),
            ),
            Layer(
                style="chords",
                families=("guitar", "piano"),
                patterns=("....x-......x-..", "..x-..x-..x-..x-"),
                chance=0.9,
            ),
            Layer(
                style="melody", families=("strings", "reed", "flute"), lowest=67, level_db=-2.0, chance=0.6
            ),
        ),
        major=("1 1 4 5", "1 4 1 5", "1 6m 4 5", "1 5 4 1"),
        minor=("1m b7 b6 b7", "1m 4m 1m 57", "1m b3 b7 1m"),
        tune=Tune(offbeats=0.3),
    ),
    "jazz": Genre(
        tempo_bpm=(100.0, 184.0),
        kit="brushed kit",
        swing=0.64,
        grooves=(
            "ride:x...x.x.x...x.x. pedal:....x.......x... kick:o.......o....... snare:......o.......o.",
            "ride:x...x.x.x...x.x. pedal:....x.......x... snare:..o.......o...x. kick:o.....x.........",
        ),
        bass=("acoustic bass",),
        bass_patterns=("r---w---w---a---", "r---w---5---a---", "r---5---w-w-a---"),
        layers=(
            Layer(
                style="chords",
                families=("piano", "electric piano", "guitar"),
                patterns=("x.....x-........", "..x.......x-....", "x-....x.....x-.."),
            ),
            Layer(style="melody", families=("reed", "brass", "mallets", "flute"), lowest=62, chance=0.9),
            Layer(
                style="chords",
                families=("mallets", "organ", "strings"),
                patterns=("x---------------", "......x---------"),
                level_db=-4.0,
                chance=0.4,
            ),
        ),
        major=JAZZ_MAJOR,
        minor=JAZZ_MINOR,
        tune=Tune(offbeats=0.6, density=0.75),
    ),
    "bossa": Genre(
        tempo_bpm=(104.0, 148.0),
        kit="brushed kit",
        grooves=(
            "kick:x.....x.x.....x. rim:x..x..x...x..x.. hat:x.x.x.x.x.x.x.x.",
            "kick:x.....x.x.....x. rim:..x...x..x..x... shaker:xoxoxoxoxoxoxoxo",
        ),
        bass=("acoustic bass", "electric bass"),
        bass_patterns=("r-----5-5-----r-", "r-----r-5-----5-"),
        layers=(
            Layer(
                style="chords",
                families=("guitar",),
                patterns=("x..x..x...x..x..", "x-.x-.x-..x-.x-.", "..x-.x-...x-.x-."),
            ),
            Layer(
                style="chords", families=("strings", "synth pad", "electric piano"), level_db=-4.0, chance=0.6
            ),
            Layer(style="melody", families=("flute", "reed", "mallets"), lowest=65, chance=0.8),
        ),
        major=(*JAZZ_MAJOR, "1M7 1M7 2m7 57"),
        minor=JAZZ_MINOR,
        tune=Tune(offbeats=0.7, density=0.6, span=12),
    ),
    "funk": Genre(
        tempo_bpm=(92.0, 124.0),
        swing=0.53,
        grooves=(
            "kick:X..x..x...x..x.. snare:....X..o.o..X..o hat:xxxxxxxxxxxxxxxx",
            "kick:X.x.......xx.... snare:....X..o....X..o hat:x.xxx.xxx.xxx.o. conga:...x..x....x..xx",
        ),
        bass=("electric bass",),
        bass_patterns=("r-.r..8.r-.5..8.", "r.r...8.r..r.58.", "r--.r.8...r.5.8a"),
        layers=(
            Layer(
                style="chords",
                families=("guitar",),
                lowest=60,
                patterns=("..x..xx...x..xx.", "x..x..x..x..x.x.", "....x..x....x.xx"),
            ),
            Layer(
                style="chords",
                families=("electric piano", "organ"),
                patterns=("x.....x-....x...", "x--.....x--x...."),
            ),
            Layer(
                style="chords",
                families=("brass", "reed"),
                lowest=58,
                patterns=("............x.x.", "x--...........x."),
                chance=0.7,
            ),
        ),
        major=("17 17 47 17", "17 b77 47 17", "2m7 57 2m7 57"),
        minor=("1m7 1m7 4m7 1m7", "1m7 47 1m7 47", "1m7 b7 b6M7 57"),
        reverb_s=0.5,
        tune=Tune(offbeats=0.65, density=0.8, span=10),
    ),
}
