"""What a checkpoint holds."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.training.runs import make_run, make_trainer, same
from vae import load
from vae.training import VAEModule
from vae.training.callbacks import EMA


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
    assert rebuilt.objective.num_samples() == module.objective.num_samples()
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
    callbacks = saver(tmp_path), EMA(decay=decay), steps
    make_trainer(tmp_path, *callbacks).fit(module, data)
    first, *others = steps.weights
    average = {name: value.double() for name, value in first.items()}
    for weights in others:
        average = {k: decay * average[k] + (1 - decay) * weights[k].double() for k in average}
    state = load(tmp_path / "last.ckpt").state_dict()
    for name, value in state.items():
        assert torch.allclose(value.double(), average[name], rtol=0, atol=1e-6), name
    assert not same(dict(state), steps.weights[-1])
