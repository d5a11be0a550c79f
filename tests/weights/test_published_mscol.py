"""The five published checkpoints of MSCOL: each is recognised, and each of its variables used once."""

import gzip
import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from stemwise import STEMS
from stemwise.models.mscol import MscolConfig
from stemwise.weights.bundle import Entry
from stemwise.weights.mscol import MODEL, belongs, mscol_names, recognise
from stemwise.weights.published import VALUE, check, model_variables

VECTORS = Path(__file__).parents[1] / "vectors"
PUBLISHED: dict[str, dict[str, list]] = json.loads(
    gzip.decompress((VECTORS / "checkpoints" / "published_mscol.json.gz").read_bytes())
)

checkpoints = pytest.mark.parametrize("checkpoint", PUBLISHED)


def entries(checkpoint: str) -> dict[str, Entry]:
    return {
        name: Entry(dtype=dtype, shape=tuple(shape), shard=0, offset=0, size=0, crc32c=0)
        for name, (dtype, *shape) in PUBLISHED[checkpoint].items()
    }


def test_there_are_five() -> None:
    assert {checkpoint.split("/")[1] for checkpoint in PUBLISHED} == {*STEMS, "multi-source"}


@checkpoints
def test_each_variable_is_used_once_with_its_shape_and_type(checkpoint: str) -> None:
    variables, kind = model_variables(entries(checkpoint)), recognise(checkpoint.split("/")[1])
    assert belongs({key: entry.shape for key, entry in variables.items()})
    check(variables, kind)
    uses = Counter(variable.key for variable in kind.names.values())
    assert uses.keys() == variables.keys()
    assert set(uses.values()) == {1}
    with torch.device("meta"):
        state = kind.config.build().state_dict()
    assert {name for name in state if not name.endswith("num_batches_tracked")} == kind.names.keys()


@checkpoints
def test_size_is_the_published_one(checkpoint: str) -> None:
    variables = model_variables(entries(checkpoint))
    encoder = [entry for key, entry in variables.items() if key.startswith(f"{MODEL}/layer_with_weights-0/")]
    assert len(variables) == 317
    assert sum(math.prod(entry.shape) for entry in variables.values()) == 4_968_031
    assert sum(math.prod(entry.shape) for entry in encoder) == 4_048_991


@checkpoints
def test_nothing_is_left_but_adams_and_kerass_own(checkpoint: str) -> None:
    used = {f"{variable.key}{VALUE}" for variable in mscol_names().values()}
    left = PUBLISHED[checkpoint].keys() - used
    slots = {name for name in left if "/.OPTIMIZER_SLOT/optimizer/" in name}
    scalars = {f"optimizer/{n}{VALUE}" for n in ("beta_1", "beta_2", "decay", "iter", "learning_rate")}
    assert left - slots == {"_CHECKPOINTABLE_OBJECT_GRAPH", f"save_counter{VALUE}"} | scalars
    with torch.device("meta"):
        trained = sum(1 for _ in MscolConfig().build().parameters())
    assert len(slots) == 2 * trained


@pytest.mark.parametrize(
    ("source", "spoken"),
    [("bass", "bass"), ("multi-source", "all four sources"), ("somewhere", "sources that no checkpoint")],
)
def test_title_says_which_sources_as_far_as_it_is_known(source: str, spoken: str) -> None:
    assert spoken in recognise(source).title
