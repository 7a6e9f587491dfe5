"""What each of two processes does in the test of several; starts the other itself."""

import sys
from pathlib import Path

import torch

from tests.models.four import ALLOWED
from tests.training.runs import make_trainer
from tests.training.test_four_models import made
from vae import instantiate
from vae.training import DataParallel

if __name__ == "__main__":
    torch.set_num_threads(1)
    instantiate.PACKAGES["model"] = ALLOWED
    name, folder = sys.argv[1], Path(sys.argv[2])
    module, data = made(name, folder)
    trainer = make_trainer(folder, epochs=1, devices=2, strategy=DataParallel())
    trainer.fit(module, data)
    torch.save(module.state_dict(), folder / f"{trainer.global_rank}.pt")
