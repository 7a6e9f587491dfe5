"""TensorBoard's page that compares the settings and last figures of runs."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    EXPERIMENT_TAG,
    SESSION_START_INFO_TAG,
    parse_experiment_plugin_data,
    parse_session_start_info_plugin_data,
)

from tests.cli.command import TINY, array, call


def test_a_run_stands_there_whether_it_was_tested_or_not(monkeypatch, capsys, tmp_path):
    """With the figure that picked its weights, and the columns of the others; in one file."""
    columns = []
    for test in ("true", "false"):
        folder = tmp_path / test
        folder.mkdir()
        arguments = [*TINY, array(folder), f"test={test}"]
        status, told, message = call(monkeypatch, capsys, folder, *arguments)
        assert status == 0, message
        (log,) = (folder / "run").glob("events*")
        read = EventAccumulator(str(log)).Reload()
        (best,) = read.Scalars("val/best_elbo")
        assert f"best.ckpt by val/elbo {best.value:.3f}" in told
        assert ("test/elbo" in read.Tags()["scalars"]) == (test == "true")
        content = read.SummaryMetadata(EXPERIMENT_TAG).plugin_data.content
        columns.append(
            [info.name.tag for info in parse_experiment_plugin_data(content).metric_infos]
        )
        content = read.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
        session = parse_session_start_info_plugin_data(content)
        assert session.hparams["data"].string_value == "array"
    assert columns[0] == columns[1]
    assert {"val/best_elbo", "test/elbo"} <= set(columns[0])
