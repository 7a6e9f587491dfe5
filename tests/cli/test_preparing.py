"""What is set between building a model and training it."""

import pytest
import torch

from tests.compose import settings_of
from vae.build import build_data
from vae.cli.train import prepare_model
from vae.training import VAEModule

SMALL = ["data=sprites", "data.size=600", "data.val_size=100", "data.test_size=100", "model=burda"]


def prepared(*overrides):
    settings = settings_of(*SMALL, *overrides)
    data = build_data(settings)
    data.setup()
    module = VAEModule.from_config(settings, data.spec)
    prepare_model(module, data, settings)
    return module, data


def test_a_decoder_starts_at_the_mean_of_the_training_data_if_asked():
    module, data = prepared("model.decoder.start_at_mean=true")
    mean = data.examples("train").x.mean(0)
    last = module.model.decoder.net.layers[-1]
    assert torch.allclose(last.bias.sigmoid().view_as(mean), mean.clamp(1e-3, 1 - 1e-3), atol=1e-6)
    other, _ = prepared()
    assert other.model.decoder.net.layers[-1].bias.abs().max() < 0.1


def test_a_likelihood_without_such_a_start_refuses():
    with pytest.raises(ValueError, match="start_at_mean is not defined for Normal: use likelihood"):
        prepared("model.decoder.start_at_mean=true", "likelihood=normal", "data=sprites_gray")


@pytest.mark.parametrize(("precision", "tf32"), [("highest", False), ("high", True)])
def test_products_are_as_precise_as_asked(precision, tf32):
    try:
        prepared(f"matmul_precision={precision}")
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cudnn.allow_tf32 == tf32
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_step_is_compiled_only_if_asked():
    measured = VAEModule.from_config(settings_of(*SMALL), prepared()[1].spec).measured
    assert prepared()[0].measured is measured
    assert prepared("compile=true")[0].measured is not measured
