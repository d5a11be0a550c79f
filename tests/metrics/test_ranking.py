"""ROC-AUC of many lists equals scikit-learn's, ties and all; songs' keys are gathered as they are defined."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from stemwise.metrics.key_songs import ENSEMBLES, Songs, ensembles, song_scores
from stemwise.metrics.ranking import ranked_roc_auc


@pytest.mark.parametrize("decimals", [0, 1, 2, 8])
def test_ranked_area_equals_scikit_learn(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    targets = rng.random((7, 300)) < np.linspace(0.03, 0.9, 7)[:, None]
    scores = np.round(rng.standard_normal((5, 7, 300)), decimals).astype(np.float32)
    scores[0, 0] = 0.0
    scores[1, 1, ::2], scores[1, 1, 1::2] = -0.0, 0.0
    found = ranked_roc_auc(torch.from_numpy(targets), torch.from_numpy(scores))
    expected = [[roc_auc_score(t, s) for t, s in zip(targets, rows, strict=True)] for rows in scores]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_ranked_area_has_no_value_without_both_kinds_or_with_nan() -> None:
    targets = torch.tensor([[True, True], [False, False], [True, False]])
    scores = torch.tensor([[[0.1, 0.2]] * 3, [[0.1, float("nan")]] * 3, [[float("inf"), -float("inf")]] * 3])
    found = ranked_roc_auc(targets, scores)
    assert found.isnan().tolist() == [[True, True, False], [True, True, True], [True, True, False]]
    assert found[0, 2] == 0 and found[2, 2] == 1


def test_each_ensemble_decides_by_its_own_rule() -> None:
    clips = np.array([[2.0, 2.0, -9.0], [1.0, 1.5, 9.0], [0.0, 0.0, 9.1]], np.float32)
    # a song of three clips: most of them say class 0, the highest logit class 2, the mean logit class 1
    songs = Songs.of(["a", "a", "a"])
    found = {name: said.tolist() for name, said in ensembles(clips, songs).items()}
    assert found == {"vote": [0], "max": [2], "gmean": [1], "mean": [0]}


def test_songs_are_scored_and_not_their_clips() -> None:
    logits = np.eye(3, dtype=np.float32)[:, [0, 0, 1, 2, 2]]
    songs = Songs.of(["x", "x", "x", "y", "y"])
    found = song_scores(logits, np.array([0, 0, 0, 1, 1]), songs, np.eye(3))
    assert {name: values.tolist() for name, values in found.items()} == {
        name: [0.5, 0.5] for name in ENSEMBLES
    }
    with pytest.raises(ValueError, match="one key for all clips of a song"):
        songs.classes(np.array([0, 1, 0, 1, 1]))


def test_equal_votes_go_to_the_first_class() -> None:
    logits = np.array([[0.0, 5.0], [0.0, 0.0], [4.0, 0.0]], np.float32)
    assert ensembles(logits, Songs.of(["x", "x"]))["vote"].tolist() == [0]
