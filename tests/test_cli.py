"""The command line, end to end, on four rendered tracks: what a user types, and what comes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml

import stemwise
from stemwise import STEMS
from stemwise.cli import VERBS, main
from stemwise.recipes.rendered import separator
from stemwise.separation import separate


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered set, a separator and a tagger trained for two steps, under a home of their own."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEMWISE_HOME", str(folder / "home"))
        data = folder / "data"
        assert main(["data", "render", str(data), "--tracks", "4", "--seconds", "5", "--workers", "1"]) == 0
        separator = ["train", "rendered-separator", "--root", str(data), "--steps", "2", "--batch-size", "2"]
        assert main([*separator, "--out", str(folder / "separator")]) == 0
        tagger = ["train", "rendered-classifier", "--root", str(data), "--steps", "2", "--batch-size", "2"]
        tagger += ["--network", "joint", "--separator", str(folder / "separator" / "model")]
        assert main([*tagger, "--out", str(folder / "tagger")]) == 0
    for name, source in (("demo-separator", "separator"), ("demo-tagger", "tagger")):
        target = folder / "home" / "models" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / source / "model").rename(target)
    return folder


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test sees the workshop's models where it asks for them, and none otherwise."""
    wanted = "workshop" in request.fixturenames
    home = request.getfixturevalue("workshop") / "home" if wanted else tmp_path / "home"
    monkeypatch.setenv("STEMWISE_HOME", str(home))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "söng.flac"
    soundfile.write(path, 0.1 * rng.standard_normal((3 * 44_100 + 17, 2)), 44_100)
    return path


def errors(capsys: pytest.CaptureFixture[str]) -> str:
    """What was written to stderr: one line."""
    text = capsys.readouterr().err.strip()
    assert len(text.splitlines()) == 1, text
    return text


def test_verify_finds_nothing_wrong(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "rendered", str(workshop / "data")]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_verify_finds_a_stem_that_was_changed(workshop: Path, tmp_path: Path, capsys) -> None:
    track = next((workshop / "data" / "train").iterdir())
    broken = tmp_path / "train" / track.name
    broken.mkdir(parents=True)
    for file in track.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    audio, rate = soundfile.read(broken / "bass.wav")
    soundfile.write(broken / "bass.wav", 0.5 * audio, rate)
    assert main(["data", "verify", "rendered", str(tmp_path)]) == 1
    assert "stems differ" in capsys.readouterr().out


def test_card_and_audit_of_a_rendered_set(workshop: Path, tmp_path: Path, capsys) -> None:
    data, scores = workshop / "data", tmp_path / "audit.json"
    assert main(["data", "audit", str(data), "--json", str(scores)]) == 0
    assert "not asked: " in capsys.readouterr().out.lower()
    assert set(json.loads(scores.read_text())["stems"]) <= set(STEMS)
    assert main(["data", "card", str(data), "--samples", "1"]) == 0
    assert 'href="audit.html"' in (data / "card.html").read_text()
    printed = capsys.readouterr().out.split()
    assert printed == [str(data / "card.html"), str(data / "listen.html")]


def test_stems_have_the_songs_format_and_sum_to_it(workshop: Path, song: Path, tmp_path: Path) -> None:
    assert main(["separate", str(song), "-o", str(tmp_path / "out")]) == 0
    mixture, rate = soundfile.read(song, dtype="float32")
    files = [tmp_path / "out" / song.stem / f"{stem}.wav" for stem in STEMS]
    stems = [soundfile.read(file, dtype="float32") for file in files]
    assert all(r == rate and stem.shape == mixture.shape for stem, r in stems)
    np.testing.assert_allclose(sum(stem for stem, _ in stems), mixture, atol=1e-6)


def test_trained_separator_gives_the_same_stems_for_any_chunk_length(workshop: Path) -> None:
    model: Any = stemwise.load("demo-separator")
    audio = 0.1 * np.random.default_rng(2).standard_normal((1, 12 * 22_050)).astype(np.float32)
    short, long, whole = (
        np.concatenate(list(separate(model, [audio], 22_050, 1, chunk_s=chunk_s)), axis=2)
        for chunk_s in (2.0, 5.0, 60.0)
    )
    np.testing.assert_allclose(short, whole, atol=1e-4 * np.abs(whole).max())
    np.testing.assert_allclose(long, whole, atol=1e-4 * np.abs(whole).max())


def test_tag_prints_a_ranking_and_writes_all_tags(workshop: Path, song: Path, tmp_path: Path, capsys) -> None:
    assert main(["tag", str(song), "--top", "3", "--json", str(tmp_path / "tags.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    tags = json.loads((tmp_path / "tags.json").read_text())["tags"]
    assert len(lines) == 3
    assert lines[0].startswith(next(iter(tags)))
    assert list(tags.values()) == sorted(tags.values(), reverse=True)


@pytest.mark.parametrize("model", ["demo-separator", "demo-tagger"])
def test_evaluate_prints_a_table_and_its_protocol(workshop: Path, model: str, tmp_path: Path, capsys) -> None:
    scores = tmp_path / "scores.json"
    assert main(["evaluate", model, "--root", str(workshop / "data"), "--json", str(scores)]) == 0
    assert "protocol:" in capsys.readouterr().out
    assert {"sha256", "protocol", "tracks"} <= json.loads(scores.read_text()).keys()


def test_finished_training_is_not_done_again(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = workshop / "separator"
    checkpoint = run / "checkpoints" / "step-00000002.pt"
    before = checkpoint.stat().st_mtime_ns
    again = [
        "train",
        "rendered-separator",
        "--root",
        str(workshop / "data"),
        "--steps",
        "2",
        "--batch-size",
        "2",
    ]
    assert main([*again, "--out", str(run)]) == 0
    assert checkpoint.stat().st_mtime_ns == before


def test_printed_config_is_a_config_file(workshop: Path, tmp_path: Path, capsys) -> None:
    base = ["train", "rendered-separator", "--root", str(workshop / "data")]
    assert main([*base, "--steps", "7", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["steps"] == 7
    (tmp_path / "config.yaml").write_text(printed)
    config = ["train", "rendered-separator", "--config", str(tmp_path / "config.yaml")]
    assert main([*config, "--seed", "3", "--print-config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {**yaml.safe_load(printed), "seed": 3}


@pytest.mark.parametrize("where", ["typed", "file"])
def test_unknown_key_names_the_nearest(where: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "config.yaml").write_text("learning_rat: 1.0\n")
    extra = ["--learning-rat", "1.0"] if where == "typed" else ["--config", str(tmp_path / "config.yaml")]
    assert main(["train", "rendered-separator", "--root", "x", *extra]) == 2
    assert "--learning-rate" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: stemwise" in text
    assert f"stemwise {verb}" in text.split("Examples:")[1]


@pytest.mark.parametrize(
    ("words", "hint"), [(["separat"], "stemwise separate"), (["data", "rendr"], "stemwise data render")]
)
def test_unknown_verb_names_the_nearest(words: list[str], hint: str, capsys) -> None:
    assert main(words) == 2
    assert hint in errors(capsys)


def test_train_without_or_with_a_wrong_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert "rendered-separator" in capsys.readouterr().out
    assert main(["train", "rendered-separater"]) == 2
    assert "did you mean rendered-separator" in errors(capsys)


@pytest.mark.parametrize("verb", ["separate", "tag"])
def test_without_a_model_the_demo_is_named(verb: str, song: Path, capsys) -> None:
    assert main([verb, str(song)]) == 2
    assert "stemwise demo" in errors(capsys)


def bad_files(folder: Path) -> dict[str, Path]:
    """One file of each kind that cannot be separated."""
    paths = {kind: folder / f"{kind}.wav" for kind in ("missing", "folder", "empty", "nothing", "nan", "inf")}
    paths["folder"].mkdir()
    paths["empty"].touch()
    soundfile.write(paths["nothing"], np.zeros((0, 2)), 44_100)
    for kind, value in (("nan", np.nan), ("inf", np.inf)):
        audio = np.zeros((44_100, 2), np.float32)
        audio[30_000] = value
        soundfile.write(paths[kind], audio, 44_100, subtype="FLOAT")
    paths["text"] = folder / "text.mp3"
    paths["text"].write_text("this is no music, but words\n" * 3000)
    return paths


@pytest.mark.parametrize("verb", ["separate", "tag"])
@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "nothing", "nan", "inf", "text"])
def test_bad_input_is_one_line_and_writes_nothing(
    workshop: Path, verb: str, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = bad_files(tmp_path)[kind], tmp_path / "out"
    options = ["-o", str(out)] if verb == "separate" else []
    assert main([verb, str(path), *options]) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("stemwise: ")]
    assert len(said) == 1
    assert path.name in said[0]
    assert not [file for file in out.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--steps", "-1"], "steps"),
        (["--batch-size", "0"], "batch_size"),
        (["--seed", "-1"], "seed"),
        (["--threads", "-1"], "threads"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--labelled", "-1"], "labelled"),
        (["--skips", "9", "--network", "joint"], "skips"),
        (["--separator", "demo-separator"], "--network joint"),
        (["--network", "joint", "--separator", "demo-tagger"], "expected a U-Net separator"),
        (["--task", "rendered-genres"], "did you mean rendered-genre"),
    ],
)
def test_bad_setting_is_one_line_and_takes_no_folder(
    workshop: Path, options: list[str], hint: str, tmp_path: Path, capsys
) -> None:
    command = [
        "train",
        "rendered-classifier",
        "--root",
        str(workshop / "data"),
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*command, *options]) == 2
    assert hint in errors(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a device that is missing")
def test_missing_device_is_one_line(workshop: Path, song: Path, capsys) -> None:
    assert main(["tag", str(song), "--device", "cuda"]) == 2
    assert "this machine has no cuda" in errors(capsys)


def test_mixtures_of_a_one_stem_separator_hold_the_other_stems_too(workshop: Path) -> None:
    run = separator(root=workshop / "data", model="msspt-vocals", batch_size=2)
    batch = run.data.batch(0)
    assert batch["stems"].shape == (2, 1, 1, 61_792)
    assert (batch["mixture"] - batch["stems"][:, 0]).abs().amax((1, 2)).min() > 1e-3


def test_text_named_mp3_says_nothing_but_one_line(workshop: Path, tmp_path: Path, capfd) -> None:
    assert main(["tag", str(bad_files(tmp_path)["text"])]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_damaged_checkpoint_is_one_line(workshop: Path, tmp_path: Path, capsys) -> None:
    command = ["train", "rendered-classifier", "--root", str(workshop / "data"), "--steps", "1"]
    command += ["--batch-size", "2", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    checkpoint = tmp_path / "run" / "checkpoints" / "step-00000001.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    capsys.readouterr()
    assert main(command) == 2
    assert "no whole checkpoint" in capsys.readouterr().err.splitlines()[-1]


def test_unknown_model_is_one_line(workshop: Path, song: Path, capsys) -> None:
    assert main(["separate", str(song), "--model", "demo-separater"]) == 2
    assert "did you mean demo-separator" in errors(capsys)


def test_tagger_is_no_separator(workshop: Path, song: Path, tmp_path: Path, capsys) -> None:
    assert main(["separate", str(song), "--model", "demo-tagger", "-o", str(tmp_path / "out")]) == 2
    assert "expected a separator" in errors(capsys)


def test_output_that_cannot_be_written_is_one_line(
    workshop: Path, song: Path, tmp_path: Path, capsys
) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder should be")
    assert main(["separate", str(song), "-o", str(blocker / "out")]) == 2
    assert "blocker" in errors(capsys)


def test_truncated_file_is_separated_as_far_as_it_goes(workshop: Path, tmp_path: Path, caplog) -> None:
    rng = np.random.default_rng(1)
    whole, cut = tmp_path / "whole.wav", tmp_path / "cut.wav"
    soundfile.write(whole, 0.1 * rng.standard_normal((4 * 16_000, 1)), 16_000)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert main(["separate", str(cut), "-o", str(tmp_path / "out")]) == 0
    assert "cut.wav" in caplog.text
    stem, _ = soundfile.read(tmp_path / "out" / "cut" / "drums.wav")
    assert 31_000 < len(stem) < 32_001


@pytest.mark.slow
def test_demo_runs_to_its_report_and_again_without_work(workshop: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--size", "tiny", "--out", str(out)]) == 0
    first = capsys.readouterr().out
    page = (out / "report.html").read_text()
    stages = {path: path.stat().st_mtime_ns for path in (out / "stages").iterdir()}
    assert "<audio" in page
    assert main(["demo", "--size", "tiny", "--out", str(out)]) == 0
    assert capsys.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in (out / "stages").iterdir()} == stages
    assert main(["demo", "--size", "tiny", "--seed", "1", "--out", str(out)]) == 2
