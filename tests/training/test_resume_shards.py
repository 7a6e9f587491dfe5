"""A run on tar files that is killed and resumed ends with the weights of the run that was not."""

from pathlib import Path

import pytest
import torch

from tests.compose import settings_of
from tests.data.test_shards import vectors
from tests.training.runs import make_trainer, same
from tests.training.test_resume import KillAt, Killed, SaveAt, state_of
from vae.build import build_data
from vae.training import VAEModule


def run(folder: Path, *callbacks, **fit) -> dict:
    """Train on shards and return the whole state of the end."""
    settings = settings_of(
        "data=shards", f"data.root='{folder / 'v'}'", f"data.cache='{folder / 'cache'}'",
        "data.window=2", "data.batch_size=4", "model=mlp", "model.encoder.hidden=[8]",
        "model.latent_dim=3", "group_size=1",
    )  # fmt: skip
    data = build_data(settings)
    torch.manual_seed(0)
    module = VAEModule.from_config(settings, data.spec)
    trainer = make_trainer(folder, *callbacks, epochs=3)
    trainer.fit(module, data, weights_only=True, **fit)
    return state_of(trainer, folder / "end.ckpt")


@pytest.mark.parametrize("step", [3, 14])
def test_a_run_is_gone_on_from_in_mid_epoch_bit_for_bit(tmp_path, step):
    vectors(tmp_path / "v")
    whole = run(tmp_path)
    with pytest.raises(Killed):
        run(tmp_path, SaveAt(tmp_path, step), KillAt(1, 8))
    assert same(run(tmp_path, ckpt_path=tmp_path / f"saved{step}.ckpt"), whole)
