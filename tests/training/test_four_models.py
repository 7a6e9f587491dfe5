"""The framework takes models of every kind: hierarchy, sequence, labels, shared weights."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import vae
from tests.compose import settings_of
from tests.models.four import ALLOWED, MODELS, given_of, overrides_of
from tests.training.runs import make_trainer, same
from vae import instantiate
from vae.build import build_data
from vae.cli.trainer_checks import COMPILES
from vae.evaluation import Bound, Gallery, LatentSpace, Section, Subject, Traversals
from vae.training import VAEModule
from vae.training.callbacks import Checkpoints, Latents, Pictures

EVALUATIONS = {
    "bound": lambda: Bound(num_samples=3),
    "latent_space": lambda: LatentSpace(),
    "traversals": lambda: Traversals(max_dims=3, starts=1, steps=3, movie="none"),
    "gallery": lambda: Gallery(),
}


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setitem(instantiate.PACKAGES, "model", ALLOWED)


def made(name, folder, *overrides):
    settings = settings_of(*overrides_of(name, folder), *overrides)
    data = build_data(settings)
    torch.manual_seed(0)
    return VAEModule.from_config(settings, data.spec), data


def trained(name, folder, *overrides, epochs=2, callbacks=(), path=None, **options):
    module, data = made(name, folder, *overrides)
    trainer = make_trainer(folder, *callbacks, epochs=epochs, **options)
    trainer.fit(module, data, ckpt_path=path, weights_only=True)
    return module, data, trainer


@pytest.mark.parametrize("name", MODELS)
def test_a_run_with_the_default_callbacks_ends_in_a_checkpoint_that_samples(name, tmp_path):
    folder = tmp_path / "checkpoints"
    callbacks = [
        Latents(),
        Pictures(columns=3, max_dims=2, folder=str(tmp_path / "pictures")),
        Checkpoints(str(folder), monitor="val/elbo", minutes=None),
    ]
    _, data, _ = trained(name, tmp_path, callbacks=callbacks)
    model = vae.load(folder / "best.ckpt")
    shape = model.sample(7, given=given_of(name, 7)).shape
    assert shape == (7, *data.spec.shape)
    subject = Subject(model, data)
    for build in EVALUATIONS.values():
        assert isinstance(build()(subject), Section)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "shared"])
def test_weights_are_the_traces_whatever_the_slices(name, tmp_path):
    """And no more latents than allowed are decoded at once."""
    module, data = made(name, tmp_path)
    model, rows = module.model.double().eval(), []
    decoder = model.emission if name == "markov" else model.decoder
    decoder.register_forward_hook(lambda _, x, __: rows.append(x[0].shape[:2].numel()))
    batch = next(iter(data.batches("val", n=5, fields=tuple(model.fields))))
    batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
    model.log_weights(batch, num_samples=1)  # which counts the memory of a row
    torch.manual_seed(1)
    with torch.no_grad():
        expected = model(batch, num_samples=9).log_weight
    for max_rows in (1, 17, 4096):
        rows.clear()
        torch.manual_seed(1)
        found = model.log_weights(batch, num_samples=9, max_rows=max_rows)
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)
        assert max(rows) <= max_rows
        assert sum(rows) == 45


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_ends_bit_for_bit_as_one_that_was_not_stopped(name, tmp_path):
    whole, _, _ = trained(name, tmp_path, max_steps=9)
    _, _, stopped = trained(name, tmp_path, max_steps=4)
    stopped.save_checkpoint(tmp_path / "stopped.ckpt")
    resumed, _, _ = trained(name, tmp_path, max_steps=9, path=tmp_path / "stopped.ckpt")
    assert same(resumed.state_dict(), whole.state_dict())


@pytest.mark.slow
@pytest.mark.skipif(not COMPILES, reason="an older torch")
@pytest.mark.filterwarnings("ignore")  # of torch about itself
@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_step_is_the_eager_one(name, tmp_path, own_noise):
    """Of the chain its cell is compiled, not the loop, which is compiled anew for each length."""
    eager, _, _ = trained(name, tmp_path, max_steps=6)
    module, data = made(name, tmp_path)
    module.compiled = True
    make_trainer(tmp_path, epochs=2, max_steps=6).fit(module, data)
    for key, value in eager.state_dict().items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_two_processes_agree(name, tmp_path):
    """The gradients of two processes are averaged, of every latent variable's net."""
    root = Path(__file__).parents[2]
    call = [sys.executable, "-m", "tests.training.two_processes", name, str(tmp_path)]
    subprocess.run(call, check=True, timeout=300, cwd=root, capture_output=True)
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert same(one, two)
    start = made(name, tmp_path)[0].state_dict()
    assert all(torch.isfinite(value).all() for value in one.values())
    assert any(not torch.equal(one[key], value) for key, value in start.items())
