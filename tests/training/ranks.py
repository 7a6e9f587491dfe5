"""What each of several processes does in the tests of scaling; started by torchrun."""

import sys
import warnings
from pathlib import Path

import torch
from torch.distributed.fsdp import FSDPModule

from tests.training.runs import BATCH, make_run, make_trainer
from tests.training.test_module import MeanKL, exact_module
from vae.training import DataParallel, ShardedParallel
from vae.training.storage import DurableCheckpoints

STRATEGIES = {"ddp": DataParallel, "fsdp": ShardedParallel}
VARIANTS = {
    "clipped and accumulated": [
        "gradient_clip=0.5",
        "accumulate=2",
        "likelihood=normal_learned",
        "scheduler=cosine",
    ],
    "vamp": ["prior=vamp", "prior.num_components=4", "penalty=mmd"],
    "flows": ["prior=nsf", "posterior=nsf", "likelihood=normal_pixelwise"],
    "reparameterized twice": ["objective=iwae", "estimator=dreg"],
    "sticking the landing": ["estimator=stl", "posterior=nsf"],
    "discrete": ["posterior=categorical", "prior=uniform_categorical"],
}


class Summed(MeanKL):
    """What two processes minimise whose gradients are added up instead of averaged."""

    def forward(self, trace, at):
        return {"kl": 2 * trace.kl.mean()}


def exact(folder: Path, objective: MeanKL, batch: int, **options) -> dict:
    """Train the closed case in double precision and return its weights."""
    torch.set_default_dtype(torch.float64)
    module, data = exact_module(), make_run(folder, f"data.batch_size={batch}")[1]
    module.objective = objective
    module.model.decoder.requires_grad_(False)  # the loss does not depend on it
    make_trainer(folder, epochs=3, limit_val_batches=0, **options).fit(module, data)
    torch.set_default_dtype(torch.float32)
    return module.state_dict()


def trained(folder: Path, strategy: str, *overrides: str, epochs: int = 2, **fit) -> Path:
    """Train in two processes and return the checkpoint of the end."""
    module, data = make_run(folder, *overrides)
    options = {"devices": 2, "strategy": STRATEGIES[strategy](), "plugins": [DurableCheckpoints()]}
    trainer = make_trainer(folder, epochs=epochs, **options)
    trainer.fit(module, data, weights_only=True, **fit)
    assert isinstance(module.model, FSDPModule) == (strategy == "fsdp")
    path = folder / f"{strategy}-{epochs}.ckpt"
    trainer.save_checkpoint(path)
    trainer.strategy.barrier()
    return path


def compared(folder: Path) -> dict[str, dict]:
    """Return for each variant what each strategy ends with."""
    return {
        name: {s: torch.load(trained(folder, s, *given), weights_only=True) for s in STRATEGIES}
        for name, given in VARIANTS.items()
    }


def resumed(folder: Path) -> dict[str, dict]:
    """Return what runs end with that other ones began, after one epoch of three."""
    constant = "scheduler=constant"
    ends = {"whole": trained(folder, "fsdp", constant, epochs=3)}
    ends = {name: torch.load(path, weights_only=True) for name, path in ends.items()}
    for first in STRATEGIES:
        begun = trained(folder, first, constant, epochs=1)
        path = trained(folder, "fsdp", constant, epochs=3, ckpt_path=begun)
        ends[f"begun with {first}"] = torch.load(path, weights_only=True)
    return ends


def equivalent(folder: Path) -> dict[str, dict]:
    """Return the weights of the closed case, with gradients averaged and added up."""
    options = {"batch": BATCH, "devices": 2, "strategy": DataParallel()}
    ends = {"averaged": exact(folder, MeanKL(), **options)}
    options["strategy"] = DataParallel()
    return ends | {"added up": exact(folder, Summed(), **options)}


TASKS = {"compared": compared, "resumed": resumed, "equivalent": equivalent}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    task, folder, result = TASKS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    ends = task(folder)
    if torch.distributed.get_rank() == 0:
        torch.save(ends, result)
