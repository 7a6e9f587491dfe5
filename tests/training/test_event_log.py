"""The log that TensorBoard reads."""

import threading
from errno import EFBIG
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae.evaluation.drawing.render import encode_png
from vae.training import EventLog
from vae.training.callbacks import Pictures, picture_log
from vae.training.cutting import cut_events


def steps(folder, tag):
    """Return the steps of a figure, in the order in which TensorBoard has them."""
    read = EventAccumulator(str(folder))
    read.Reload()
    return [event.step for event in read.Scalars(tag)]


def test_what_is_logged_is_in_the_file_at_once(tmp_path):
    log = EventLog(str(tmp_path))
    log.log_metrics({"elbo": 1.0}, step=3)
    assert steps(tmp_path, "elbo") == [3]


def test_a_picture_is_encoded_once_for_file_and_log(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(picture_log, "encode_png", lambda x: calls.append(1) or encode_png(x))
    log, picture = EventLog(str(tmp_path / "log")), torch.randint(256, (3, 5, 7)).byte()
    trainer = SimpleNamespace(loggers=[log], global_step=3)
    Pictures(folder=str(tmp_path)).write(trainer, "samples", picture)
    read = EventAccumulator(str(tmp_path / "log"))
    (event,) = read.Reload().Images("pictures/samples")
    assert (event.step, event.height, event.width, len(calls)) == (3, 5, 7, 1)
    assert event.encoded_image_string == (tmp_path / "samples.png").read_bytes()
    with Image.open(tmp_path / "samples.png") as shown:
        assert np.array_equal(np.asarray(shown), picture.permute(1, 2, 0))


def test_a_full_disk_is_an_error_of_the_thread_that_logs(tmp_path, full_disk):
    """No other thread prints it, and the end of the run does not meet it again."""
    log, threads = EventLog(str(tmp_path)), threading.active_count()
    with pytest.raises(OSError, match="File too large") as caught:
        log.log_metrics({f"figure {number}": 1.0 for number in range(20)}, step=3)
    assert caught.value.errno == EFBIG
    log.finalize("failed")
    assert threading.active_count() == threads


def test_a_run_that_goes_on_has_each_step_once(tmp_path):
    """Also if it was killed while it wrote an event; a log with nothing later stays untouched."""
    early = EventLog(str(tmp_path))
    early.log_metrics({"train/elbo": 1.0}, step=1)
    (untouched,) = tmp_path.iterdir()
    killed = EventLog(str(tmp_path))
    for step in (2, 3, 4):
        killed.log_metrics({"train/elbo": 1.0}, step=step)
    killed.log_metrics({"report/bound/elbo": 1.0, "_hparams_/x": 1.0}, step=2)
    (other,) = set(tmp_path.iterdir()) - {untouched}
    with other.open("ab") as file:
        file.write(untouched.read_bytes()[:20])
    before = untouched.stat()
    cut_events(tmp_path, step=2)
    assert untouched.stat() == before
    resumed = EventLog(str(tmp_path))
    for step in (3, 4, 5):
        resumed.log_metrics({"train/elbo": 1.0}, step=step)
    assert steps(tmp_path, "train/elbo") == [1, 2, 3, 4, 5]
    read = EventAccumulator(str(tmp_path)).Reload()
    assert read.Tags()["scalars"] == ["train/elbo"]
