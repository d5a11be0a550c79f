"""Models on disk: what is loaded is what was saved, or an error that says what is wrong."""

import json
from pathlib import Path

import pytest
import torch

from stemwise.models import CLASSIFIERS
from stemwise.weights.store import CARD, WEIGHTS, config_from, find, load, save, stored_models
from synth import separator, tiny


@pytest.fixture
def stored(home: Path) -> Path:
    """A model under the user's folder."""
    return save(separator(), home / "my-separator", {"title": "a test", "licence": "MIT"})


def rewrite(folder: Path, **changes: object) -> None:
    """Change values of a card; `None` takes one out."""
    card = json.loads((folder / CARD).read_text()) | changes
    (folder / CARD).write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def test_model_is_found_by_name(stored: Path) -> None:
    assert find("my-separator").folder == stored


def test_model_is_found_by_folder(stored: Path) -> None:
    assert find(stored).name == "my-separator"


def test_card_keeps_what_is_said_about_the_model(stored: Path) -> None:
    assert find("my-separator").card["licence"] == "MIT"


def test_loaded_model_is_in_evaluation_mode(stored: Path) -> None:
    assert not load("my-separator").training


def test_lists_of_the_card_become_tuples(stored: Path) -> None:
    assert load("my-separator").config == separator().config


def test_unknown_name_gets_the_nearest_suggested(stored: Path) -> None:
    with pytest.raises(ValueError, match=r"my-seperator: no such model.*did you mean my-separator\?"):
        load("my-seperator")


def test_name_near_nothing_gets_the_list(stored: Path) -> None:
    with pytest.raises(ValueError, match="there are: my-separator"):
        load("xyz")


def test_empty_home_says_that_there_is_none(home: Path) -> None:
    with pytest.raises(ValueError, match="there are: none"):
        load("anything")


@pytest.mark.parametrize("place", [0, 0.5, 0.999])
def test_one_damaged_byte_is_noticed(stored: Path, place: float) -> None:
    content = bytearray((stored / WEIGHTS).read_bytes())
    content[int(place * len(content))] ^= 1
    (stored / WEIGHTS).write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors: SHA-256 is .* copy it again"):
        load("my-separator")


def test_card_that_is_no_json_is_named(stored: Path) -> None:
    (stored / CARD).write_text("{")
    with pytest.raises(ValueError, match=r"card\.json: expected JSON"):
        load("my-separator")


@pytest.mark.parametrize("key", ["architecture", "config", "sha256"])
def test_card_that_lacks_a_value_is_named(stored: Path, key: str) -> None:
    rewrite(stored, **{key: None})
    with pytest.raises(ValueError, match="my-separator"):
        load("my-separator")


def test_weights_that_are_missing_are_named(stored: Path) -> None:
    (stored / WEIGHTS).unlink()
    with pytest.raises((ValueError, OSError), match=r"model\.safetensors"):
        load("my-separator")


def test_unknown_architecture_is_refused_with_those_that_there_are(stored: Path) -> None:
    rewrite(stored, architecture="WaveNet")
    with pytest.raises(ValueError, match="architecture 'WaveNet', expected one of UNetConfig"):
        load("my-separator")


def test_unknown_config_value_is_refused() -> None:
    with pytest.raises(ValueError, match="UNetConfig has no width"):
        config_from("UNetConfig", {"width": 3}, Path("card.json"))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_config_from_lists_equals_the_config(name: str) -> None:
    config = tiny(CLASSIFIERS[name])
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(config).items()}
    assert config_from(type(config).__name__, values, Path("card.json")) == config


def test_saving_again_replaces_the_model(stored: Path) -> None:
    model = separator()
    with torch.no_grad():
        model.unet.mask.bias += 1
    save(model, stored, {"title": "another"})
    assert torch.equal(load(stored).unet.mask.bias, model.unet.mask.bias)
    assert find(stored).card["title"] == "another"


def test_saving_leaves_nothing_beside_the_model(stored: Path) -> None:
    save(separator(), stored, {})
    assert [path.name for path in stored.parent.iterdir()] == ["my-separator"]
    assert sorted(path.name for path in stored.iterdir()) == [CARD, WEIGHTS]


def test_failed_saving_leaves_the_older_model(stored: Path) -> None:
    with pytest.raises(TypeError):
        save(separator(), stored, {"title": object()})
    assert find("my-separator").card["title"] == "a test"
    assert [path.name for path in stored.parent.iterdir()] == ["my-separator"]


def test_what_a_killed_saving_left_behind_is_no_model(stored: Path) -> None:
    stored.rename(stored.with_name(".saving-abc123"))
    assert stored_models() == []


def test_models_are_listed_by_name(home: Path) -> None:
    for name in ("zebra", "ant"):
        save(separator(), home / name, {})
    assert [model.name for model in stored_models()] == ["ant", "zebra"]


def test_channels_last_model_is_saved_as_it_is(home: Path) -> None:
    model = separator().to(memory_format=torch.channels_last)
    loaded = load(save(model, home / "model", {})).state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in model.state_dict().items())
