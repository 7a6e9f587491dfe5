#!/usr/bin/env bash
# Lightning 2.6.6 patches torch's DataLoader while it asks a data module for its loaders, and takes
# the patch back only if that succeeds. After one error there (a file that was not mounted yet, say,
# in a notebook that goes on), later loaders of the same process record their arguments, and
# Trainer.predict refuses every DataLoader(data, 4) whose batch size was given by position.
# Guessed: an error in train_dataloader() leaves nothing behind. Seen: "more than one `__init__`
# argument can be passed to its parent's `batch_size=...`", of a loader that worked before.
# Ours hands the error on after Lightning is done with its patch (tests/training/test_loaders.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torch==2.14.1 lightning==2.6.6
cd "$place" && "$place/env/bin/python" -W ignore - <<'PYTHON'
import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.zeros(8, 3))


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, number):
        return self.layer(batch[0]).mean()

    def predict_step(self, batch, number):
        return self.layer(batch[0])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class NotMounted(pl.LightningDataModule):
    def train_dataloader(self):
        raise FileNotFoundError("the disk is not there yet")


def trainer():
    return pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, barebones=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )


def predicted():
    try:
        return len(trainer().predict(Net(), DataLoader(data, 4)))
    except MisconfigurationException as error:
        return str(error)[:90]


original = DataLoader.__init__
before = predicted()
try:
    trainer().fit(Net(), datamodule=NotMounted())
except FileNotFoundError:
    pass
after = predicted()
print(before, DataLoader.__init__ is original, after)
assert before == 2
assert DataLoader.__init__ is not original
assert "more than one `__init__` argument" in after
PYTHON
