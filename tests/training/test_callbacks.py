"""Callbacks show what happens and change nothing."""

import re
from dataclasses import replace

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers.logger import Logger
from PIL import Image
from torch.distributions import Independent, Normal

from tests.training.runs import BATCH, make_run, make_trainer, same, weights_after
from vae.trace import Latent, Observed, Trace
from vae.training.callbacks import Latents, Pictures, ProgressLine, Scalars
from vae.training.callbacks.scalars import layout


class Records(Logger):
    """Keeps what it is sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    name, version = "records", 0

    def log_metrics(self, metrics, step=None):
        self.sent.append((step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def of(self, tag):
        return {step: metrics[tag] for step, metrics in self.sent if tag in metrics}


def recorded(folder, callback, *overrides, **options):
    logger = Records()
    module, data = make_run(folder, *overrides)
    make_trainer(folder, callback, logger=logger, **options).fit(module, data)
    return logger, module


@pytest.mark.parametrize("every", [1, 3, 5])
def test_scalars_are_written_on_logging_steps_and_nowhere_else(tmp_path, every):
    logger, _ = recorded(tmp_path, Scalars(), "group_size=1", log_every_n_steps=every)
    expected = [step for step in range(1, 15) if step % every == 0]
    assert list(logger.of("train/elbo")) == expected
    tags = (
        ["log_likelihood", "kl"],
        ["learning_rate", "gradient_norm"],
        ["reconstruction", "kl"],
    )
    for prefix, names in zip(("train", "optimizer", "objective"), tags, strict=True):
        for name in names:
            assert list(logger.of(f"{prefix}/{name}")) == expected
    for step, elbo in logger.of("train/elbo").items():
        gap = logger.of("train/log_likelihood")[step] - logger.of("train/kl")[step]
        assert elbo == pytest.approx(gap)
    assert all(speed > 0 for speed in logger.of("throughput/examples_per_second").values())


def test_scalars_of_a_group_are_the_means_over_its_batches(tmp_path):
    single, _ = recorded(tmp_path, Scalars(), "group_size=1", log_every_n_steps=1)
    grouped, _ = recorded(tmp_path, Scalars(), "group_size=7", log_every_n_steps=1)
    each, both = single.of("train/kl"), grouped.of("train/kl")
    assert list(both) == [7, 14]
    for end, mean in both.items():
        assert mean == pytest.approx(sum(each[s] for s in range(end - 6, end + 1)) / 7, rel=1e-6)


def test_the_learning_rate_written_is_that_of_the_schedule(tmp_path):
    logger, module = recorded(tmp_path, Scalars(), "scheduler=cosine", "group_size=1")
    full = module.make_optimizer(module.parameters()).defaults["lr"]
    for step, rate in logger.of("optimizer/learning_rate").items():
        assert rate == pytest.approx(full * module.scheduler.factor(step / 14), abs=1e-12)


def test_pictures_are_written_when_due_and_change_nothing(tmp_path):
    class Watch(Pictures):
        drawn = ()

        def on_validation_end(self, trainer, pl_module):
            before = {name: value.clone() for name, value in pl_module.state_dict().items()}
            super().on_validation_end(trainer, pl_module)
            assert same(before, dict(pl_module.state_dict()))

        def write(self, trainer, name, picture):
            super().write(trainer, name, picture)
            self.drawn = (*self.drawn, (trainer.current_epoch, name))

    options = {"columns": 2, "max_dims": 2}
    folder = tmp_path / "pictures"
    callback = Watch(every_n_epochs=2, folder=str(folder), **options)
    drawn = weights_after(tmp_path, callbacks=(callback,), epochs=3)
    assert same(drawn, weights_after(tmp_path, epochs=3))
    names = ["reconstructions", "samples", "traversals"]
    assert list(callback.drawn) == [(epoch, name) for epoch in (1, 2) for name in names]
    assert sorted(path.stem for path in folder.iterdir()) == names
    for name in names:
        with Image.open(folder / f"{name}.png") as picture:
            assert len(picture.getcolors(1 << 20)) > 2


def test_pictures_leave_the_random_state_alone(tmp_path):
    states = []

    class Watch(Pictures):
        def on_validation_end(self, trainer, pl_module):
            states.append(torch.get_rng_state())
            super().on_validation_end(trainer, pl_module)
            states.append(torch.get_rng_state())

    weights_after(tmp_path, callbacks=(Watch(columns=2, max_dims=2),), epochs=1)
    assert torch.equal(*states)


@pytest.mark.parametrize("name", ["every_n_epochs", "columns", "max_dims"])
def test_pictures_refuse_numbers_below_one(name):
    with pytest.raises(ValueError, match=f"{name}.* must be at least 1"):
        Pictures(**{name: 0})


class HandMade:
    """A trainer as far as the callback asks."""

    sanity_checking, global_step = False, 3

    def __init__(self, logger):
        self.loggers = [logger]


def trace_of(loc):
    q = Independent(Normal(loc, torch.ones_like(loc)), 1)
    p = Independent(Normal(torch.zeros(loc.shape[1]), torch.ones(loc.shape[1])), 1)
    return Trace((Latent("z", q, p, loc[None]),), (Observed("x", q, loc),))


def test_latents_count_active_units_and_the_kl_of_each_dimension():
    loc = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 2.0, 0.001]])  # active, constant, nearly constant
    callback, logger = Latents(max_dims=2), Records()
    trainer = HandMade(logger)
    for _ in range(2):  # the second validation starts afresh
        callback.on_validation_epoch_start(trainer, None)
        for row in loc:
            callback.on_validation_batch_end(trainer, None, trace_of(row[None]), None, 0)
        callback.on_validation_epoch_end(trainer, None)
    step, figures = logger.sent[-1]
    assert step == trainer.global_step
    assert figures["latent/active_units"] == 1
    assert figures["latent/kl/00"] == pytest.approx(0.5)
    assert figures["latent/kl/01"] == pytest.approx(2.0)
    assert "latent/kl/02" not in figures


def test_several_latents_have_a_kl_each():
    callback, logger = Latents(max_dims=1), Records()
    trainer, trace = HandMade(logger), trace_of(torch.tensor([[1.0, 2.0]]))
    c = replace(trace_of(torch.tensor([[3.0]])).latents[0], name="c")
    both = Trace((*trace.latents, c), trace.observed)
    callback.on_validation_epoch_start(trainer, None)
    callback.on_validation_batch_end(trainer, None, both, None, 0)
    callback.on_validation_epoch_end(trainer, None)
    _, figures = logger.sent[-1]
    assert figures["latent/z/kl"] == pytest.approx(2.5)
    assert figures["latent/z/kl/00"] == pytest.approx(0.5)
    assert figures["latent/c/kl"] == figures["latent/c/kl/00"] == pytest.approx(4.5)


def test_progress_is_a_line_per_validation_where_there_is_no_terminal(tmp_path, capsys):
    weights_after(tmp_path, callbacks=(ProgressLine(),), epochs=4, check_val_every_n_epoch=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [["epoch", "2", "val"], ["epoch", "4", "val"]]
    assert all("elbo" in line and "log p(x|z)" in line and "kl" in line for line in lines)


def test_progress_is_a_bar_in_a_terminal(tmp_path, capsys):
    from rich.console import Console

    callback = ProgressLine(interval=0)
    callback.console = Console(force_terminal=True, width=160)
    weights_after(tmp_path, callbacks=(callback, Scalars()), epochs=1)
    out = capsys.readouterr().out
    assert "7/7" in out
    assert callback.bar is None


class Fails(pl.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        raise RuntimeError("stop")


def test_progress_closes_its_bar_when_a_run_fails(tmp_path, capsys):
    from rich.console import Console

    callback = ProgressLine(interval=0)
    callback.console = Console(force_terminal=True, width=160)
    with pytest.raises(RuntimeError, match="stop"):
        weights_after(tmp_path, callbacks=(callback, Fails()), epochs=1)
    assert callback.bar is None


def test_progress_refuses_an_interval_below_zero():
    with pytest.raises(ValueError, match="interval must be at least 0; got -1"):
        ProgressLine(interval=-1)


def test_examples_seen_are_counted(tmp_path):
    _, module = recorded(tmp_path, Scalars(), epochs=1)
    assert module.examples_seen == 7 * BATCH


def test_the_elbo_has_a_chart_for_each_data_without_the_beginning(tmp_path):
    """Which is that of TensorBoard's page of custom scalars."""
    logger, module = recorded(tmp_path, Scalars(), "group_size=1", log_every_n_steps=1)
    name = module.trainer.datamodule.spec.name
    later = [step for step in range(1, 15) if step >= 14 / 4]
    for part, steps in (("train", later), ("val", [7, 14])):
        charted = logger.of(f"elbo/{name}/{part}")
        assert list(charted) == steps
        if part == "train":
            assert charted == {step: logger.of("train/elbo")[step] for step in later}
    charts = [layout(data)["ELBO"] for data in ("digits", "a.b")]
    assert not charts[0].keys() & charts[1].keys()
    ((_, (pattern,)),) = charts[1].values()
    assert re.match(pattern, "elbo/a.b/val")
    assert not re.match(pattern, "elbo/acb/val")


def test_a_sanity_check_is_no_validation(tmp_path):
    module, data = make_run(tmp_path)
    logger = Records()
    trainer = make_trainer(tmp_path, logger=logger, num_sanity_val_steps=2)
    trainer.fit(module, data)
    assert list(logger.of("val/elbo")) == [7, 14]
    assert same(module.state_dict(), weights_after(tmp_path))
