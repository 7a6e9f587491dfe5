"""Start without the metrics of torchmetrics, which Lightning's import would load."""

import sys
from unittest.mock import patch

import pytest

from tests.cli.command import start
from vae.cli.light_metrics import lighten_torchmetrics

HEAVY = """
import json, sys
from vae.cli import light_metrics
{first}
import vae.cli.train, vae.cli.evaluate
heavy = ("scipy", "torchvision", "torchmetrics.functional", "torchmetrics.image")
loaded = [name for name in heavy if name in sys.modules]
import torch, torchmetrics
from lightning.pytorch.utilities.types import Metric
from vae.evaluation.quality import frechet_distance
x = torch.randn(9, 2)
metric = torchmetrics.MeanMetric()
metric.update(3.0)
told = [metric.compute().item(), isinstance(metric, Metric), abs(frechet_distance(x, x)) < 1e-6]
print(json.dumps([loaded, told]))
"""


def test_a_command_loads_no_metric_before_one_is_asked_for(tmp_path):
    light = HEAVY.format(first="light_metrics.lighten_torchmetrics()")
    assert start("", "-c", light, folder=tmp_path).stdout.strip() == "[[], [3.0, true, true]]"


@pytest.mark.parametrize("content", ["Metric = 1", "raise OSError"])
def test_another_version_is_imported_in_the_ordinary_way(tmp_path, monkeypatch, content):
    package = tmp_path / "torchmetrics"
    package.mkdir()
    (package / "__init__.py").write_text("Metric = 2")
    (package / "utilities.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with patch.dict(sys.modules):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchmetrics"]:
            del sys.modules[name]
        lighten_torchmetrics()
        import torchmetrics

        assert torchmetrics.Metric == 2
