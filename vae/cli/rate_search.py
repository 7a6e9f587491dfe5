"""``lr_find=true``: a learning rate is looked for, and the run that would use it is not begun."""

__all__ = ["RATES", "search_rate"]

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from rich.console import Console

from vae.cli.display import shortened
from vae.cli.typed_words import command_line
from vae.data import DataModule
from vae.evaluation import save_picture
from vae.evaluation.drawing.palette import class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import plot
from vae.nested import lookup
from vae.training import VAEModule
from vae.training.range_test import RangeTest, find_rate

STEPS = 100
TAKEN_OVER = ("accelerator", "precision", "deterministic")  # of the Trainer's settings
RATES = "lr_find.png"


def search_rate(
    settings: Mapping[str, Any], module: VAEModule, data: DataModule, folder: Path, console: Console
) -> float:
    """Look for a learning rate, draw the curve, and tell the command that trains with it.

    Returns:
        The setting ``optimizer.lr`` that is suggested.

    Raises:
        ValueError: If no rate makes the loss fall.
    """
    steps = STEPS if settings["lr_find"] is True else settings["lr_find"]
    options = {name: settings["trainer"][name] for name in TAKEN_OVER}
    found = find_rate(module, data, num_steps=steps, **options)
    if found.suggestion is None:
        raise ValueError(
            f"lr_find: the loss does not fall at any rate in {len(found.rates)} steps; give more "
            f"of them, lr_find={10 * steps}, or larger batches"
        )
    # What the optimizer is given may be more, for larger batches: lr_batch.
    given = lookup(settings, "optimizer.lr")
    factor = module.make_optimizers()[0].param_groups[0]["lr"] / given
    suggested = float(f"{found.suggestion / factor:.2g}")
    path = folder / RATES
    folder.mkdir(parents=True, exist_ok=True)
    save_picture(path, drawn(found).pixels)
    console.print(
        f"the loss falls steepest at a learning rate of {found.suggestion:.2g} "
        f"({len(found.rates)} steps, {found.rates[0]:.0e} to {found.rates[-1]:.0e}): "
        f"{shortened(path)}",
        soft_wrap=True,
    )
    own = ("lr_find", "optimizer.lr")
    words = [o for o in HydraConfig.get().overrides.task if o.lstrip("+").split("=")[0] not in own]
    console.print(
        shlex.join([*command_line("train"), *words, f"optimizer.lr={suggested:g}"]), soft_wrap=True
    )
    return suggested


def drawn(test: RangeTest) -> Picture:
    """Draw the losses over the rates, and where they fall steepest."""
    color, other = class_colors(2)

    def draw(axes: Any) -> None:
        axes.plot(test.rates, test.losses, color=color, alpha=0.3)
        axes.plot(test.rates, test.smoothed, color=color)
        axes.axvline(test.suggestion, color=other)
        axes.set_xscale("log")

    return plot(draw, "learning rate", "loss in nats")
