"""Files as an attacker would make them; what works leaves a marker file."""

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.training.runs import make_run, settings_for

# What ran in other software when a file named it, and ways round a list of names.
TARGETS = (
    "os.system",
    "builtins.eval",
    "subprocess.run",
    "torch.load",
    "torch.hub.load",
    "torch.utils.collect_env.run",
    "numpy.load",
    "vae.load",
    "vae.build.load",
    "vae.instantiate.import_module",
    "vae.cli.environment.subprocess.run",
    "vae.data.formats.images.Path",
    "vae.networks.network.nn.Sequential",
    "vae.networks.__builtins__",
    "vae.data.formats.cache.shutil.rmtree",
    "lightning.pytorch.Trainer",
    "lightning.pytorch.loggers.TensorBoardLogger",
)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


def hostile_node(target: str, marker: Path) -> dict:
    """Return a config node that calls a target with whatever it may want."""
    return {"_target_": target, "command": f"touch '{marker}'"}


def hostile_checkpoint(path: Path, change: Callable[[dict], None] = lambda config: None) -> Path:
    """Write the checkpoint of a small model whose config was changed afterwards."""
    checkpoint = torch.load(BytesIO(checkpoint_bytes()), weights_only=True)
    config = checkpoint["hyper_parameters"]["config"]
    config["data"] = settings_for(path.parent)["data"]
    change(config)
    torch.save(checkpoint, path)
    return path


@cache
def checkpoint_bytes() -> bytes:
    """Return the checkpoint of a small, untrained model."""
    with TemporaryDirectory() as folder:
        module, data = make_run(Path(folder))
    hparams = {"config": dict(module.hparams["config"]), "spec": asdict(data.spec)}
    file = BytesIO()
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": hparams}, file)
    return file.getvalue()
