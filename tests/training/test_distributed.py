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
     "group_size=4", "scheduler=constant", "optimizer=sgd"]
)

class Watch(pl.Callback):
    def on_train_end(self, trainer, module):
        weights = torch.cat([p.detach().flatten() for p in module.parameters()])
        torch.save({"weights": weights, "val": dict(trainer.callback_metrics),
                    "noise": torch.randn(3)}, f"{sys.argv[1]}/{trainer.global_rank}.pt")

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = build_data(settings)
    module = VAEModule.from_config(settings, data.spec)
    pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
               enable_checkpointing=False, enable_progress_bar=False, num_sanity_val_steps=0,
               use_distributed_sampler=False, callbacks=[Watch()]).fit(module, data)
"""


@pytest.mark.slow
def test_ranks_agree_on_weights_and_figures_but_not_on_noise(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    call = [sys.executable, str(script), str(tmp_path)]
    subprocess.run(call, check=True, timeout=300, cwd=root, env=None, capture_output=True)
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(one["weights"], two["weights"])
    assert one["val"] == two["val"]
    assert not torch.equal(one["noise"], two["noise"])
