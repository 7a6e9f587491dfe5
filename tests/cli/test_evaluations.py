"""Evaluations from settings, and the data set that some compare with."""

import numpy as np
import pytest

from tests.cli.command import TINY, array, call
from tests.compose import compose_settings
from vae.cli import app
from vae.cli.evaluations import build_evaluations


def anomaly(*overrides):
    arguments = ["checkpoint=x", "report=[anomaly]", *overrides]
    return build_evaluations(compose_settings(arguments, command="eval")["report"], seed=7)[
        "anomaly"
    ]


def test_the_other_data_are_named_with_or_without_settings():
    assert anomaly().other is None
    other = anomaly("report.anomaly.other=fashion_mnist").other
    assert (other.spec.name, other.spec.support, other.seed) == ("fashion_mnist", "boolean", 7)
    changed = "report.anomaly.other={name: fashion_mnist, binarization: none, root: elsewhere}"
    other = anomaly(changed).other
    assert other.spec.support == "unit_interval"
    assert other.source.root.name == "elsewhere"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("fashion_mnst", "did you mean fashion_mnist"),
        ("../train", "must be the name of a data set"),
        ("3", "must be the name of a data set"),
        ("{root: here}", "must be the name of a data set"),
        ("{name: mnist, roott: here}", "data has no setting 'roott'; did you mean root"),
        (
            "{name: mnist, source: {_target_: os.system, root: a, download: b}}",
            "_target_ os.system is not a part that a config may name under data",
        ),
    ],
)
def test_other_data_that_do_not_exist_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        anomaly(f"report.anomaly.other={given}")


@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated", "ignore:.*many workers")
def test_the_command_compares_with_other_data(monkeypatch, capsys, tmp_path):
    status, _, message = call(monkeypatch, capsys, tmp_path, *TINY, array(tmp_path), "test=false")
    assert status == 0, message
    np.save(tmp_path / "other.npy", np.full((40, 6), 9, dtype=np.float32))
    arguments = [
        f"checkpoint='{tmp_path / 'run'}'",
        "report=[anomaly]",
        f"report.anomaly.other={{name: array, path: '{tmp_path / 'other.npy'}', test_size: 20}}",
    ]
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments, command=app.evaluate)
    assert status == 0, message
    assert "AUROC of −ELBO" in told
