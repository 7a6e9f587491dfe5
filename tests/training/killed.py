"""A run that another process kills: it saves after every group and goes on from the newest."""

import sys
import time
import warnings
from pathlib import Path

from tests.training.runs import make_run, make_trainer
from vae.files import check_whole
from vae.training.callbacks import Checkpoints
from vae.training.storage import DurableCheckpoints, newest

EPOCHS = 150
OVERRIDES = ["objective=iwae", "estimator=dreg", "accumulate=2", "group_size=2", "gradient_clip=1"]


def whole(folder: Path) -> Path | None:
    """Return the newest checkpoint whose checksums fit."""
    for path in newest(folder):
        try:
            check_whole(path)
        except ValueError as error:
            print(error, flush=True)
        else:
            return path
    return None


def train(folder: Path, *, minutes: float | None) -> None:
    """Train to the end, from where the run last was."""
    warnings.simplefilter("ignore")
    module, data = make_run(folder, *OVERRIDES)
    keeper = Checkpoints(str(folder), monitor="val/elbo", minutes=minutes)
    options = {"plugins": [DurableCheckpoints()], "limit_val_batches": 1}
    trainer = make_trainer(folder, keeper, epochs=EPOCHS, **options)
    (folder / "started").touch()
    trainer.fit(module, data, ckpt_path=whole(folder), weights_only=True)
    trainer.save_checkpoint(folder / "end.ckpt")


def train_quickly_saving(folder: str) -> None:
    """Train with a save after every group."""
    import torch

    sys.stderr = sys.stdout
    torch.set_num_threads(1)
    train(Path(folder), minutes=1e-9)


def sleep_until(path: Path, timeout: float = 300) -> None:
    """Wait for a file."""
    end = time.monotonic() + timeout
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.005)
