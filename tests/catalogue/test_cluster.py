"""A catalogue on several Ray nodes, one of which goes away in the midst of it."""

import os
import threading
import time
from pathlib import Path

import pytest

import stemwise
from catalogue_runs import done, results, write_broken, write_songs
from stemwise.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
def test_node_that_is_removed_loses_nothing(
    tmp_path: Path, models: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    places = [str(Path(stemwise.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))  # of the workers
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    songs = write_songs(tmp_path / "in", 40, seconds=2.0)
    write_broken(tmp_path / "in" / "broken")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1, include_dashboard=False) for _ in range(2)]
        out = tmp_path / "out"

        def remove() -> None:
            while done(out) < 5:
                time.sleep(0.01)
            cluster.remove_node(nodes[0], allow_graceful=False)

        remover = threading.Thread(target=remove, daemon=True)
        remover.start()
        command = ["separate", str(tmp_path / "in"), "-o", str(out), "--device", "cpu"]
        assert main([*command, "--cluster", cluster.address]) == 1
        remover.join()
        said = capsys.readouterr()
        assert "40 files separated, 5 failed" in said.out
        assert len(results(out)) == 4 * len(songs)
        assert done(out) == len(songs)
        tags = ["tag", str(tmp_path / "in"), "-o", str(tmp_path / "tags"), "--cluster", cluster.address]
        assert main([*tags, "--device", "cpu"]) == 1
        assert "40 files tagged, 5 failed" in capsys.readouterr().out
    finally:
        ray.shutdown()
        cluster.shutdown()
