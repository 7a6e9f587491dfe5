"""What the user sees before and after a run."""

__all__ = ["show_commands", "show_figures", "show_run"]

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vae.data import DataModule
from vae.models import Model

FIGURES = {  # key: (name, unit)
    "elbo": ("ELBO", "nats"),
    "log_likelihood": ("log p(x|z)", "nats"),
    "kl": ("KL(q ‖ p)", "nats"),
    "nll": ("−log p(x), importance-weighted", "nats"),
    "bits_per_dim": ("bits per dimension", "bits"),
    "effective_sample_size": ("effective sample size", "samples"),
    "mutual_information": ("mutual information of x and z", "nats"),
    "total_correlation": ("total correlation of q(z)", "nats"),
    "active_units": ("active units", "dimensions"),
}


def show_run(console: Console, model: Model, data: DataModule, folder: Path) -> None:
    """Say what is about to be trained, on what, and where."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in data.describe().items():
        table.add_row(str(name), str(value))
    for name, part in model.named_children():
        count = sum(p.numel() for p in part.parameters())
        table.add_row(name, f"{count:,} parameters")
    table.add_row("run folder", str(folder))
    console.print(table, highlight=False)


def show_figures(console: Console, figures: dict[str, Any], *, title: str) -> None:
    """Print the figures of an evaluation as a table."""
    count, samples = figures["num_examples"], figures["num_samples"]
    caption = f"{figures['split']}: {count:,} examples, {samples:,} importance samples each"
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for key, (name, unit) in FIGURES.items():
        if key in figures:
            value = figures[key]
            text = str(value) if isinstance(value, int) else f"{value:.3f}"
            if key == "nll":
                text += f" ± {figures['nll_standard_error']:.3f}"
            table.add_row(name, text, unit)
    console.print(table, highlight=False)


def show_commands(console: Console, folder: Path, checkpoint: Path) -> None:
    """Print commands to go on with, ready to paste."""
    folder, checkpoint = shortened(folder), shortened(checkpoint)
    code = f'import vae; print(vae.load("{checkpoint}").sample(64).shape)'
    commands = {
        "look": ["tensorboard", "--logdir", str(folder.parent)],
        "evaluate": ["python", "eval.py", f"checkpoint={hydra_quoted(checkpoint)}"],
        "sample": ["python", "-c", code],
        "go on": ["python", "train.py", f"resume={hydra_quoted(folder)}", "trainer.max_epochs=10"],
    }
    for name, words in commands.items():
        console.print(
            f"[bold]{name:<9}[/bold] {shlex.join(words)}", highlight=False, soft_wrap=True
        )


def shortened(path: Path) -> Path:
    """Return a path relative to the working directory, if it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def hydra_quoted(path: Path) -> str:
    """Return a path as a value that Hydra's command line reads as it stands."""
    text = str(path)
    plain = all(c.isalnum() or c in "/-_.:" for c in text) and text.isascii()
    return text if plain else "'" + text.replace("'", "\\'") + "'"
