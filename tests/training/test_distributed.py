"""Two processes on one machine, with gloo."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import sys
import lightning.pytorch as pl
import torch
from vae.build import build_data
from vae.cli.compose import compose_settings
from vae.training import VAEModule

settings = compose_settings(
    ["model=mlp", "model.encoder.hidden=[16]", "data.size=600", "data.batch_size=16",
     "group_size=4", "scheduler=constant", "optimizer=sgd", *sys.argv[2:]]
)

def vector(module):
    return torch.cat([torch.empty(0), *(p.detach().flatten() for p in module.parameters())])

class Watch(pl.Callback):
    def on_train_start(self, trainer, module):
        self.start = vector(module.objective)

    def on_train_end(self, trainer, module):
        moved = vector(module.objective) != self.start
        torch.save({"weights": vector(module), "moved": moved,
                    "val": dict(trainer.callback_metrics), "noise": torch.randn(3)},
                   f"{sys.argv[1]}/{trainer.global_rank}.pt")

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = build_data(settings)
    module = VAEModule.from_config(settings, data.spec)
    pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
               enable_checkpointing=False, enable_progress_bar=False, num_sanity_val_steps=0,
               use_distributed_sampler=False, callbacks=[Watch()]).fit(module, data)
"""


def weights_and_figures(folder, *overrides):
    """Train in two processes and return what each ended with."""
    script = folder / "run.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    call = [sys.executable, str(script), str(folder), *overrides]
    subprocess.run(call, check=True, timeout=300, cwd=root, env=None, capture_output=True)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.slow
def test_ranks_agree_on_weights_and_figures_but_not_on_noise(tmp_path):
    one, two = weights_and_figures(tmp_path)
    assert torch.equal(one["weights"], two["weights"])
    assert one["val"] == two["val"]
    assert not torch.equal(one["noise"], two["noise"])


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["factor", "adversarial"])
def test_ranks_agree_on_the_weights_of_model_and_adversary(tmp_path, penalty):
    discriminator = f"penalties.{penalty}.discriminator.hidden=[16]"
    one, two = weights_and_figures(tmp_path, f"penalty={penalty}", discriminator)
    assert torch.equal(one["weights"], two["weights"])
    assert one["val"] == two["val"]
    assert one["moved"].all()
    assert f"val/objective/{penalty}_discriminator" in one["val"]
