"""What is set before a model is built, and between that and training it."""

import subprocess
import sys

import pytest
import torch

from tests.cli.command import TINY, array, call
from tests.compose import settings_of
from vae.build import build_data
from vae.cli.train import prepare_model, set_precision
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.saved import read_saved
from vae.training import VAEModule

SMALL = ["data=sprites", "data.size=600", "data.val_size=100", "data.test_size=100", "model=burda"]


def prepared(*overrides):
    settings = settings_of(*SMALL, *overrides)
    data = build_data(settings)
    data.setup()
    module = VAEModule.from_config(settings, data.spec)
    prepare_model(module, data, settings)
    return module, data


@pytest.mark.parametrize("asked", ["true", "null"])
def test_a_decoder_starts_at_the_mean_of_the_training_data_if_asked(asked):
    module, data = prepared(f"model.decoder.start_at_mean={asked}")
    mean = data.examples("train")["x"].mean(0)
    last = module.model.decoder.net.layers[-1]
    assert torch.allclose(last.bias.sigmoid().view_as(mean), mean.clamp(1e-3, 1 - 1e-3), atol=1e-6)
    other, _ = prepared("model.decoder.start_at_mean=false")
    assert other.model.decoder.net.layers[-1].bias.abs().max() < 0.1


def test_a_likelihood_without_such_a_start_refuses():
    with pytest.raises(ValueError, match="start_at_mean is not defined for Normal: use likelihood"):
        prepared("model.decoder.start_at_mean=true", "likelihood=normal", "data=sprites_gray")
    module, _ = prepared("model.decoder.start_at_mean=null", "likelihood=normal")
    assert module.model.decoder.net.layers[-1].bias.abs().max() < 0.1


GREY = ["data=sprites_gray", "data.binarization=none", "likelihood=normal_learned"]


def test_a_scale_starts_at_that_of_the_training_data_unless_it_was_chosen():
    module, data = prepared(*GREY)
    x = data.examples("train")["x"]
    px = module.model.eval().decode(torch.zeros(1, module.model.prior().event_shape[0]))
    error = (x - x.mean(0)).square().mean().sqrt()
    assert px.base_dist.log_scale.exp().item() == pytest.approx(error.item(), rel=1e-5)
    last = module.model.decoder.net.layers[-1]
    assert torch.allclose(last.bias.view_as(x[0]), x.mean(0), atol=1e-6)
    chosen = prepared(*GREY, "likelihood.scale.init=0.5")[0].model
    raw = chosen.likelihood.scale.raw
    assert soft_bound(raw, *LOG_SCALE_BOUNDS).exp().item() == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize(("precision", "tf32"), [("highest", False), ("high", True)])
def test_products_are_as_precise_as_asked(precision, tf32):
    try:
        set_precision(precision)
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cudnn.allow_tf32 == tf32
    finally:
        set_precision("highest")


def test_the_step_is_compiled_only_if_asked():
    assert not prepared()[0].compiled
    assert prepared("compile=true")[0].compiled


def test_large_convolutions_multiply_matrices_in_channels_last_alone():
    model = ["data.size=300", "model=conv", "model.encoder.channels=[8,256,256]"]
    kinds = {
        last: {
            type(part).__name__ for part in prepared(*model, f"channels_last={last}")[0].modules()
        }
        for last in (True, False)
    }
    assert kinds[True] - kinds[False] == {"ProductConv2d", "ProductConvTranspose2d"}


def trained(monkeypatch, capsys, folder, name, *overrides):
    """Train for an epoch, and return the weights at its end."""
    arguments = [*TINY, array(folder), "test=false", "trainer.max_epochs=1", *overrides]
    status, _, message = call(
        monkeypatch, capsys, folder, *arguments, f"hydra.run.dir='{folder / name}'"
    )
    assert status == 0, message
    return read_saved(folder / name).state


@pytest.mark.parametrize("prior", ["standard_normal", "vamp"])
def test_a_run_starts_from_the_weights_of_another(monkeypatch, capsys, tmp_path, prior):
    first = trained(monkeypatch, capsys, tmp_path, "first", f"prior={prior}")
    still = ["optimizer.lr=1e-30", f"prior={prior}", "seed=5"]
    own = trained(monkeypatch, capsys, tmp_path, "own", *still)
    given = f"init='{tmp_path / 'first'}'"
    second = trained(monkeypatch, capsys, tmp_path, "second", *still, given, "objective=iwae")
    assert all(torch.equal(second[name], weight) for name, weight in first.items())
    assert not all(torch.equal(own[name], weight) for name, weight in first.items())
    # What it has learned since is not lost by going on.
    on = [f"resume='{tmp_path / 'second'}'", "trainer.max_epochs=2"]
    (tmp_path / "first" / "checkpoints" / "best.ckpt").unlink()
    assert call(monkeypatch, capsys, tmp_path, *on)[0] == 0


def test_weights_that_do_not_fit_are_refused(monkeypatch, capsys, tmp_path):
    trained(monkeypatch, capsys, tmp_path, "first")
    arguments = [*TINY, array(tmp_path), f"init='{tmp_path / 'first'}'", "model.latent_dim=7"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 2
    assert "trained with model.latent_dim=3, this run has model.latent_dim=7" in message
    assert "has the weight encoder.net.layers" in message


SMALL_NUMBERS = """
import torch
from vae.cli.environment import prepare_process
prepare_process({threads})
x = torch.full((1 << 22,), 1e-39, requires_grad=True)  # enough for every thread to take a part
y = x * 1.0
y.backward(torch.full_like(x, 1e-39))
print(int(y.count_nonzero()), int(x.grad.count_nonzero()))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_no_thread_computes_with_denormals(threads):
    code = SMALL_NUMBERS.format(threads=threads)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
