"""What every data set, task and recipe of the registries keeps, on a tiny set on disk."""

import inspect
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stemwise import STEMS
from stemwise.data import DATASETS
from stemwise.data.tracks import LEFT_OUT, SPLITS, Dataset, DatasetInfo, stem_folders
from stemwise.data.twins import write_twin
from stemwise.data.verify import verify
from stemwise.evaluation import classification_scores
from stemwise.recipes import RECIPES
from stemwise.signal.augment.chain import STEPS
from stemwise.tasks import TASKS, Task
from stemwise.training import Machine, Run, fit
from stemwise.training.folder import claim
from synth import stem_tree

Twins = Callable[[str], Path]
datasets = pytest.mark.parametrize("name", DATASETS)
tasks = pytest.mark.parametrize("name", TASKS)


SPLIT_SIZES = {"train": 3, "valid": 1, "test": 2}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set in the layout of the rendered data, one second a track."""
    return stem_tree(tmp_path_factory.mktemp("short"), SPLIT_SIZES)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with tracks as long as the longest window that a recipe reads without filling it up."""
    return stem_tree(tmp_path_factory.mktemp("set"), SPLIT_SIZES, samples=44_000)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with songs as long as MSSPT's segments, and as many as a mixture is made of."""
    folder = tmp_path_factory.mktemp("songs")
    return stem_tree(folder, {"train": 8, "valid": 1}, samples=16_000 * 13 // 2)


@pytest.fixture(scope="module")
def twin(short: Path, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """Gives each data set's twin by its name, written when it is first asked for."""

    @cache
    def written(name: str) -> Path:
        if DATASETS[name].twin is None:
            return short
        return write_twin(DATASETS[name], stem_folders(short), tmp_path_factory.mktemp(name) / "twin")

    return written


@datasets
def test_facts_are_stated(name: str) -> None:
    info = DATASETS[name].info
    assert info.name == name
    unsaid = [f.name for f in fields(DatasetInfo) if f.name != "citation" and not getattr(info, f.name)]
    assert unsaid == []


@datasets
def test_tracks_of_all_splits_are_those_of_each(name: str, twin: Twins) -> None:
    dataset: Dataset = DATASETS[name]
    each = [track for split in SPLITS for track in dataset.tracks(twin(name), split)]
    assert dataset.tracks(twin(name)) == each


@datasets
def test_every_split_has_tracks_and_their_names_are_unique(name: str, twin: Twins) -> None:
    tracks = DATASETS[name].tracks(twin(name))
    assert {track.split for track in tracks} == set(SPLITS)
    assert len({track.name for track in tracks}) == len(tracks)


@pytest.mark.parametrize(
    "name", [name for name in DATASETS if name not in ("musdb18", "audio")]
)  # a file is a song there
def test_reader_names_tracks_whose_files_are_gone(name: str, twin: Twins, tmp_path: Path) -> None:
    dataset, root = DATASETS[name], tmp_path / "set"
    shutil.copytree(twin(name), root)
    before = dataset.reader(root, None)
    before[0].files[-1].unlink()
    assert [track.name for track in dataset.reader(root, None)] == [track.name for track in before]
    with pytest.raises(ValueError, match=r"1 files are missing, the first is .*--leave-out"):
        dataset.tracks(root)


@datasets
def test_track_on_the_users_list_is_left_out(name: str, twin: Twins, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(twin(name), root)
    first, *others = DATASETS[name].tracks(root)
    (root / LEFT_OUT).write_text(f"# why\n{first.name}\tit clips\n")
    assert DATASETS[name].tracks(root) == others


@datasets
def test_twin_has_nothing_wrong(name: str, twin: Twins) -> None:
    assert list(verify(DATASETS[name], twin(name)).findings) == []


@datasets
def test_known_bad_tracks_each_have_a_reason_and_are_not_read(name: str, twin: Twins) -> None:
    bad = DATASETS[name].known_bad
    assert all(bad.values())
    assert not bad.keys() & {track.name for track in DATASETS[name].tracks(twin(name))}


@datasets
def test_stems_are_all_or_none(name: str, twin: Twins) -> None:
    assert all(tuple(track.stems) in (STEMS, ()) for track in DATASETS[name].tracks(twin(name)))


@datasets
def test_labels_are_plain_json(name: str, twin: Twins) -> None:
    for track in DATASETS[name].tracks(twin(name)):
        assert json.loads(json.dumps(track.labels)) == track.labels


@datasets
def test_unknown_split_is_refused(name: str, twin: Twins) -> None:
    with pytest.raises(ValueError, match=r"split: expected one of train, valid, test; got 'dev'"):
        DATASETS[name].tracks(twin(name), "dev")


@datasets
def test_empty_folder_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        DATASETS[name].tracks(tmp_path)


@tasks
def test_task_is_of_a_known_data_set(name: str) -> None:
    assert TASKS[name].name == name
    assert TASKS[name].dataset in DATASETS


@tasks
def test_classes_are_unique(name: str) -> None:
    least = 2 if TASKS[name].target == "multiclass" else 1
    assert len(set(TASKS[name].classes)) == len(TASKS[name].classes) >= least


@tasks
def test_selecting_score_is_among_the_scores(name: str) -> None:
    task = TASKS[name]
    assert np.isfinite(classification_scores(task, targets(task), targets(task))[task.select])


@tasks
def test_right_answers_score_one(name: str) -> None:
    task = TASKS[name]
    assert classification_scores(task, targets(task), targets(task))[task.select] == 1


@tasks
def test_labels_of_its_data_set_make_a_matrix(name: str, twin: Twins) -> None:
    task = TASKS[name]
    chosen = task.chosen(DATASETS[task.dataset].tracks(twin(task.dataset)))
    matrix = task.matrix(chosen)
    assert matrix.shape == (len(chosen), len(task.classes))
    assert matrix.any(axis=1).all() or task.target == "multilabel"
    assert matrix.any()


def targets(task: Task) -> np.ndarray:
    """Two items of each class, and two of none where that may be."""
    classes = len(task.classes)
    rows = np.eye(classes + (task.target == "multilabel"), classes, dtype=np.float32)
    return np.tile(rows, (2, 1))


META = {"dataset": "rendered", "batch_size": 2, "seconds": 0.5, "statistics": 2}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "separator": (
        "rendered-separator",
        {"batch_size": 2},
        {
            "model": "msspt-multisource",
            "steps": 7,
            "batch_size": 4,
            "learning_rate": 1e-4,
            "warmup": 3,
            "flat": 0.1,
            "clip_norm": 1.0,
            "accumulate": 2,
            "ema": 0.9,
            "valid_every": 2,
            "compressed": 0.5,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "tail": (
        "rendered-classifier",
        {"batch_size": 2},
        {
            "network": "joint",
            "skips": 2,
            "task": "rendered-genre",
            "labelled": 2,
            "steps": 7,
            "batch_size": 3,
            "learning_rate": 1e-4,
            "warmup": 3,
            "clip_norm": 1.0,
            "accumulate": 2,
            "ema": 0.9,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "joint": ("rendered-classifier", {"batch_size": 2, "network": "joint"}, {}),
    "msspt-separator": (
        "msspt-separator",
        {"batch_size": 1, "dataset": "rendered"},
        {
            "dataset": "stems",
            "source": "drums",
            "mixing": "crops",
            "steps": 7,
            "batch_size": 2,
            "learning_rate": 1e-2,
            "decay_every": 2,
            "decay": 0.5,
            "valid_every": 0,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "msspt-multisource": (
        "msspt-separator",
        {"batch_size": 1, "dataset": "rendered", "source": "multisource"},
        {},
    ),
    "msspt-tail": ("msspt-classifier", {"batch_size": 2, "network": "tail", "task": "rendered-tags"}, {}),
    "msspt-joint": (
        "msspt-classifier",
        {"batch_size": 2, "task": "rendered-tags"},
        {
            "task": "rendered-genre",
            "network": "tail",
            "multisource": True,
            "skips": 3,
            "version": "v2",
            "epochs": 2,
            "batch_size": 3,
            "learning_rate": 1e-2,
            "sgd_rates": (1e-2,),
            "patience": 2,
            "clips": "all",
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "contrastive": (
        "tune-clmr",
        {"batch_size": 2, "model": "tune-5tail-32", "dataset": "rendered"},
        {
            "dataset": "audio",
            "split": "all",
            "model": "tune-5tail-64",
            "steps": 7,
            "batch_size": 3,
            "passes": "joint",
            "temperature": 0.1,
            "projection": 32,
            "optimiser": "lars",
            "learning_rate": 1e-4,
            "pitch": "octaves",
            **{f"p_{step}": 0.5 for step in STEPS},
            "valid_every": 2,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "supervised": (
        "tune-supervised",
        {"batch_size": 2, "model": "tune-5tail-32"},
        {
            "task": "rendered-genre",
            "model": "tune-5tail-64",
            "steps": 7,
            "batch_size": 3,
            "optimiser": "adam",
            "learning_rate": 1e-4,
            "valid_every": 2,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "linear": (
        "linear-evaluation",
        {"batch_size": 2, "model": "tune-5tail-32"},
        {"head": "hidden", "crops": 2, "ending": "published"},
    ),
    "meta": ("meta-tasnet", {**META, "valid_every": 0, "weights": "last"}, {}),
    "small meta": (
        "rendered-meta-tasnet",
        META,
        {
            "draws": "published",
            "steps": 7,
            "batch_size": 3,
            "seconds": 0.25,
            "learning_rate": 1e-4,
            "period": 5,
            "weight_decay": 0.1,
            "clip_norm": 1.0,
            "accumulate": 2,
            "recompute": True,
            "reconstruction": 0.1,
            "dissimilarity": 1.0,
            "similarity": 1.0,
            "valid_every": 2,
            "statistics": 4,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "mscol": (
        "mscol",
        {"batch_size": 2, "segment": 98, "model": "half-mscol", "silent": True},
        {
            "model": "mscol-window",
            "sources": "bass",
            "silent": False,
            "symmetric": True,
            "energy": "published",
            "steps": 7,
            "batch_size": 3,
            "learning_rate": 1e-4,
            "clip_norm": 1.0,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
    "cola": (
        "mscol",
        {"batch_size": 2, "segment": 98, "model": "half-mscol", "sources": "none"},
        {"mask": True},
    ),
    "mscol-classifier": (
        "mscol-classifier",
        {"batch_size": 2, "segment": 98, "model": "half-mscol"},
        {
            "task": "rendered-tags",
            "model": "mscol-window",
            "head": "hidden",
            "depth": "stochastic",
            "epochs": 3,
            "batch_size": 3,
            "learning_rate": 1e-4,
            "patience": 2,
            "seed": 9,
            "skip_unreadable": True,
        },
    ),
}
"""For each case: its recipe, arguments that make it small, and one other value for each argument."""

cases = pytest.mark.parametrize("case", CASES)
others = pytest.mark.parametrize(
    ("case", "key"), [(case, key) for case, (_, _, other) in CASES.items() for key in other]
)


def recipe(case: str, root: Path, **given: Any) -> Run:
    name, small, _ = CASES[case]
    return RECIPES[name](root=root, **(small | given))


def test_every_recipe_has_a_case() -> None:
    assert {name for name, _, _ in CASES.values()} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_argument_of_a_recipe_is_documented(name: str) -> None:
    function: Callable[..., Run] = RECIPES[name]
    keys = inspect.signature(function).parameters
    _, _, documented = inspect.cleandoc(function.__doc__ or "").partition("Args:\n")
    assert re.findall(r"^    (\w+): ", documented, re.MULTILINE) == list(keys)


@pytest.mark.parametrize("name", RECIPES)
def test_arguments_of_a_recipe_are_given_by_name(name: str) -> None:
    keys = inspect.signature(RECIPES[name]).parameters.values()
    assert {key.kind for key in keys} == {inspect.Parameter.KEYWORD_ONLY}


@cases
def test_recipe_gives_a_run_whose_first_loss_is_finite(case: str, songs: Path) -> None:
    run = recipe(case, songs)
    assert isinstance(run, Run)
    with torch.no_grad():
        loss = run.objective(run.model.train(), run.data.batch(0))
    assert loss.total.isfinite()


@cases
def test_same_seed_gives_the_same_weights(case: str, songs: Path) -> None:
    first, second = (recipe(case, songs).model.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@cases
def test_same_seed_gives_the_same_batch(case: str, songs: Path) -> None:
    first, second = (recipe(case, songs).data.batch(3) for _ in range(2))
    assert first["names"] == second["names"]
    assert all(torch.equal(v, second[k]) for k, v in first.items() if isinstance(v, torch.Tensor))


@cases
def test_another_seed_gives_other_weights(case: str, songs: Path) -> None:
    first, second = (recipe(case, songs, seed=seed).model.state_dict() for seed in (0, 1))
    assert not all(torch.equal(value, second[key]) for key, value in first.items())


@others
def test_folder_of_a_run_is_refused_to_other_arguments(
    case: str, key: str, songs: Path, tmp_path: Path
) -> None:
    claim(tmp_path, recipe(case, songs))  # what fit does first; a step would only take time
    other = {key: CASES[case][2][key]}
    with pytest.raises(ValueError, match="other settings"):
        fit(recipe(case, songs, **other), tmp_path, Machine(device="cpu", precision="fp32"), progress=False)


@cases
def test_run_describes_itself_in_plain_values(case: str, songs: Path) -> None:
    run = recipe(case, songs)
    described = json.loads(json.dumps({**run.config, **asdict(run.optimiser)}, default=str))
    assert described["recipe"] == CASES[case][0]
