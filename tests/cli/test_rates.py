"""The learning rate follows the number of examples in a step, if it is to."""

import pytest
import torch

from tests.cli.command import TINY, array, call


@pytest.mark.parametrize(
    ("given", "rate", "told"),
    [
        (["lr_batch=null"], 2e-3, ["effective batch", "32 = 8 × 4 accumulated × 1 processes"]),
        (["lr_batch=8"], 4e-3, ["effective batch", "0.004 = 0.002 × 2, as lr_batch asks"]),
        (["lr_batch=8", "optimizer=sgd"], 4e-4, ["0.0004 = 0.0001 × 4, as lr_batch asks"]),
        (["lr_batch=32"], 2e-3, ["effective batch"]),
        (["lr_batch=8", "accumulate=1"], 2e-3, []),
    ],
)
def test_the_rate_is_scaled(monkeypatch, capsys, tmp_path, given, rate, told):
    settings = ["accumulate=4", "scheduler=constant", "test=false", *given]
    status, out, _ = call(monkeypatch, capsys, tmp_path, *TINY, array(tmp_path), *settings)
    assert status == 0
    saved = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    (group,) = saved["optimizer_states"][0]["param_groups"]
    assert group["lr"] == pytest.approx(rate)
    assert all(line in out for line in told)
    assert ("effective batch" in out) == ("accumulate=1" not in given)
    assert ("as lr_batch asks" in out) == (rate != 2e-3)
