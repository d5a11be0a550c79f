"""The nineteen published checkpoints of MSSPT: each is recognised, and each of its variables used once."""

import gzip
import json
import math
from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import torch

from stemwise import STEMS
from stemwise.data.classes import FMA_GENRES, MTAT_TAGS
from stemwise.data.magnatagatune import MSSPT_COLUMNS
from stemwise.models.joint import JointConfig
from stemwise.models.tail import TailConfig
from stemwise.models.unet import UNetConfig
from stemwise.weights.bundle import Entry
from stemwise.weights.kind import Kind
from stemwise.weights.msspt_kinds import recognise
from stemwise.weights.published import check, model_variables

VECTORS = Path(__file__).parents[1] / "vectors" / "checkpoints"
PUBLISHED: dict[str, dict[str, list]] = json.loads(
    gzip.decompress((VECTORS / "published.json.gz").read_bytes())
)
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"

checkpoints = pytest.mark.parametrize("checkpoint", PUBLISHED)


def entries(checkpoint: str) -> dict[str, Entry]:
    return {
        name: Entry(dtype=dtype, shape=tuple(shape), shard=0, offset=0, size=0, crc32c=0)
        for name, (dtype, *shape) in PUBLISHED[checkpoint].items()
    }


def kind_of(checkpoint: str) -> Kind:
    folder = checkpoint.split("/")[-2]
    shapes = {key: entry.shape for key, entry in model_variables(entries(checkpoint)).items()}
    return recognise(shapes, folder if folder in STEMS else None)


def expected_config(checkpoint: str) -> UNetConfig | TailConfig | JointConfig:
    """What a checkpoint's place says that it is."""
    *_, family, folder, _ = checkpoint.split("/")
    stems = STEMS if folder == "multisource" else (folder if folder in STEMS else "source",)
    if family == "separators":
        return UNetConfig(stems=stems, pool="average" if folder == "multisource" else "max")
    tail = (
        TailConfig(classes=MSSPT_COLUMNS)
        if family == "MTAT"
        else TailConfig(classes=FMA_GENRES, target="multiclass")
    )
    if folder == "tail":
        return tail
    return JointConfig(classes=tail.classes, target=tail.target, stems=stems, skips=5, pool="max")


def test_there_are_nineteen() -> None:
    families = Counter(checkpoint.split("/")[-3] for checkpoint in PUBLISHED)
    assert families == {"separators": 5, "MTAT": 7, "FMA": 7}


def test_classes_are_fifty_and_sixteen_and_all_different() -> None:
    assert len(set(MTAT_TAGS)) == len(MTAT_TAGS) == 50
    assert len(set(FMA_GENRES)) == len(FMA_GENRES) == 16


@checkpoints
def test_checkpoint_is_recognised(checkpoint: str) -> None:
    assert kind_of(checkpoint).config == expected_config(checkpoint)


@checkpoints
def test_each_variable_is_used_once_with_its_shape(checkpoint: str) -> None:
    kind, variables = kind_of(checkpoint), model_variables(entries(checkpoint))
    check(variables, kind)
    uses = Counter(variable.key for variable in kind.names.values())
    assert uses.keys() == variables.keys()
    assert set(uses.values()) == {1}
    with torch.device("meta"):
        state = kind.config.build().state_dict()
    assert {name for name in state if not name.endswith("num_batches_tracked")} == kind.names.keys()
    assert all(
        tuple(state[name].shape)[::-1] == variables[variable.key].shape
        for name, variable in kind.names.items()
    )


@checkpoints
def test_nothing_is_left_but_the_optimisers_and_kerass_own(checkpoint: str) -> None:
    used = {f"{variable.key}{VALUE}" for variable in kind_of(checkpoint).names.values()}
    left = PUBLISHED[checkpoint].keys() - used
    slots = {name for name in left if "/.OPTIMIZER_SLOT/optimizer/" in name}
    adam = {"beta_1", "beta_2"} if "separators" in checkpoint else {"momentum"}
    scalars = {f"optimizer/{name}{VALUE}" for name in {"decay", "iter", "learning_rate"} | adam}
    assert left - slots == {"_CHECKPOINTABLE_OBJECT_GRAPH", f"save_counter{VALUE}"} | scalars
    trained = sum("moving" not in name for name in used)
    assert len(slots) == (2 * trained if "separators" in checkpoint else 0)


SIZES = {
    "separators": (3_925_769, 3_926_636),
    "MTAT": (7_249_723, 7_252_318),
    "FMA": (7_232_281, 7_234_876),
}
TAILS = {"MTAT": 2_401_138, "FMA": 2_383_696}


@checkpoints
def test_size_is_the_published_one(checkpoint: str) -> None:
    *_, family, folder, _ = checkpoint.split("/")
    size = sum(math.prod(entry.shape) for entry in model_variables(entries(checkpoint)).values())
    assert size == (TAILS[family] if folder == "tail" else SIZES[family][folder == "multisource"])


KINDS = [name for name in PUBLISHED if name.split("/")[-2] in ("vocals", "multisource", "tail")]


@pytest.mark.parametrize(("checkpoint", "other"), list(permutations(KINDS, 2)))
def test_another_architecture_is_refused(checkpoint: str, other: str) -> None:
    variables, kind = model_variables(entries(checkpoint)), kind_of(other)
    with pytest.raises(ValueError, match=r"needs it|unknown to|another architecture"):
        check(variables, kind)


@pytest.mark.parametrize("skips", range(6))
def test_skips_are_recognised_by_what_the_tails_blocks_read(skips: int) -> None:
    kind = kind_of("downstream_models/MTAT/vocals/checkpoint-25")
    config = replace(kind.config, skips=skips)
    with torch.device("meta"):
        state = config.build().state_dict()
    shapes = {variable.key: tuple(state[name].shape)[::-1] for name, variable in kind.names.items()}
    assert recognise(shapes, "vocals").config == config


def changed(checkpoint: str, **changes: tuple[int, ...] | None) -> dict[str, tuple[int, ...]]:
    """Shapes of a checkpoint, some of them others or (None) missing; `l3_bias` is layer 3's bias."""
    shapes = {key: entry.shape for key, entry in model_variables(entries(checkpoint)).items()}
    for name, shape in changes.items():
        layer, leaf = name.removeprefix("l").split("_", 1)
        shapes.pop(f"layer_with_weights-{layer}/{leaf}")
        if shape is not None:
            shapes[f"layer_with_weights-{layer}/{leaf}"] = shape
    return shapes


JOINT = "downstream_models/MTAT/multisource/checkpoint-33"
TAIL = "downstream_models/MTAT/tail/checkpoint-28"
SEPARATOR = "separators/vocals/checkpoint-20"
STRANGE = {
    "three masks": (SEPARATOR, {"l58_bias": (3,)}, None, "58/bias: expected 1 or 4 masks, got 3"),
    "no mask": (
        SEPARATOR,
        {"l58_bias": None},
        None,
        "58/bias: expected a variable of more than 0 axes, got none",
    ),
    "ten classes": (
        TAIL,
        {"l30_bias": (10,)},
        None,
        r"30/bias: expected one of 50 \(.*, 16 \(.* outputs, got 10",
    ),
    "a flat kernel": (
        JOINT,
        {"l63_kernel": (3,)},
        None,
        r"63/kernel: expected .* more than 2 axes, got \(3,\)",
    ),
    "source of four": (JOINT, {}, "vocals", "source: got 'vocals', but this network has masks for all four"),
    "source of a tail": (TAIL, {}, "bass", "source: got 'bass', but a tail has none"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_cannot_be_recognised_is_refused_with_its_place(case: str) -> None:
    checkpoint, changes, source, message = STRANGE[case]
    with pytest.raises(ValueError, match=message):
        recognise(changed(checkpoint, **changes), source)


@pytest.mark.parametrize(
    "keys", [[], ["embedding_model/layer_with_weights-0/kernel"], ["layer_with_weights-9/bias"]]
)
def test_checkpoint_of_another_system_is_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected one of MSSPT's networks \(59 .* found \d such layers"):
        recognise(dict.fromkeys(keys, (1,)))


@pytest.mark.parametrize(
    "name", ["epoch", "layer_with_weights-0/bias", f"x/.OPTIMIZER_SLOT/optimizer/m{VALUE}", "optimizer/iter"]
)
def test_entry_that_is_neither_variable_nor_slot_is_named(name: str) -> None:
    strange = Entry(dtype="float32", shape=(), shard=0, offset=0, size=4, crc32c=0)
    with pytest.raises(ValueError, match=f"{name}: neither a variable nor a slot of one"):
        model_variables({**entries(SEPARATOR), name: strange})


def test_variable_of_another_type_is_refused() -> None:
    variables = model_variables(entries(SEPARATOR))
    variables["layer_with_weights-0/beta"] = replace(variables["layer_with_weights-0/beta"], dtype="float16")
    with pytest.raises(ValueError, match=r"0/beta: expected float32 \(1,\) for .*, got float16 \(1,\)"):
        check(variables, kind_of(SEPARATOR))
