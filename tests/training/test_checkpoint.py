"""What a checkpoint holds, and that a broken run leaves the last good one."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from tests.training.runs import make_run, make_trainer, same
from vae import load
from vae.objectives import ELBO
from vae.training import VAEModule
from vae.training.callbacks import Scalars
from vae.training.meter import NonFiniteError


def saver(folder, **options):
    """The checkpoints of the default config."""
    return ModelCheckpoint(
        folder, filename="best", monitor="val/elbo", mode="max", save_last=True,
        enable_version_counter=False, **options,
    )  # fmt: skip


def test_a_checkpoint_is_plain_values_from_which_all_is_rebuilt(tmp_path):
    module, data = make_run(tmp_path, "prior=vamp", "prior.num_components=4")
    make_trainer(tmp_path, saver(tmp_path), epochs=1).fit(module, data)
    path = tmp_path / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    assert same(dict(checkpoint["state_dict"]), dict(module.state_dict()))
    rebuilt = VAEModule.load_from_checkpoint(path)
    assert same(dict(rebuilt.state_dict()), dict(module.state_dict()))
    assert rebuilt.objective.num_samples == module.objective.num_samples
    model = load(path)
    assert not model.training
    assert same(dict(model.state_dict()), dict(module.model.state_dict()))
    assert load(str(path)).sample(3).shape == (3, *data.spec.shape)


def test_a_checkpoint_of_another_architecture_names_what_differs(tmp_path):
    module, data = make_run(tmp_path)
    make_trainer(tmp_path, saver(tmp_path), epochs=1).fit(module, data)
    other, data = make_run(tmp_path, "model.latent_dim=2")
    with pytest.raises(RuntimeError, match="size mismatch for model"):
        make_trainer(tmp_path).fit(other, data, ckpt_path=tmp_path / "best.ckpt", weights_only=True)


class Steps(pl.Callback):
    """Notes the weights after every optimizer step."""

    def __init__(self):
        self.weights = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        state = pl_module.model.state_dict()
        self.weights.append({name: value.clone() for name, value in state.items()})


def test_load_gives_the_averaged_weights(tmp_path):
    """Every optimizer step counts: the average follows its recursion."""
    decay, steps = 0.9, Steps()
    module, data = make_run(tmp_path, "group_size=1")
    callbacks = saver(tmp_path), EMAWeightAveraging(decay=decay), steps
    make_trainer(tmp_path, *callbacks).fit(module, data)
    first, *others = steps.weights
    average = {name: value.double() for name, value in first.items()}
    for weights in others:
        average = {k: decay * average[k] + (1 - decay) * weights[k].double() for k in average}
    state = load(tmp_path / "last.ckpt").state_dict()
    for name, value in state.items():
        assert torch.allclose(value.double(), average[name], rtol=0, atol=1e-6), name
    assert not same(dict(state), steps.weights[-1])


class BreaksAt(ELBO):
    """The ELBO until a step, then NaN."""

    def __init__(self, last):
        super().__init__()
        self.last = last

    def forward(self, trace):
        terms = super().forward(trace)
        return terms if self.step < self.last else {**terms, "kl": terms["kl"] * float("nan")}


@pytest.mark.parametrize("log_every_n_steps", [1, 1000])
def test_a_loss_that_is_not_a_number_stops_the_run_before_it_is_saved(tmp_path, log_every_n_steps):
    """Whether a logging step or the validation finds it first."""
    module, data = make_run(tmp_path)
    module.objective = BreaksAt(3)
    trainer = make_trainer(tmp_path, saver(tmp_path), Scalars(), limit_train_batches=7)
    trainer.log_every_n_steps = log_every_n_steps
    with pytest.raises(NonFiniteError, match=r"became NaN or infinite by step \d+\. The last"):
        trainer.fit(module, data)
    assert list(tmp_path.glob("*.ckpt")) == []


def test_the_checkpoints_before_a_loss_that_is_not_a_number_stay(tmp_path):
    module, data = make_run(tmp_path)
    steps_per_epoch = 7
    module.objective = BreaksAt(steps_per_epoch + 2)
    with pytest.raises(NonFiniteError):
        make_trainer(tmp_path, saver(tmp_path), Scalars(), epochs=3).fit(module, data)
    for name in ("best", "last"):
        checkpoint = torch.load(tmp_path / f"{name}.ckpt", weights_only=True)
        assert checkpoint["global_step"] == steps_per_epoch
        assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())
