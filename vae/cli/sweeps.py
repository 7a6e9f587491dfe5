"""A sweep goes on after a job that failed, says at its end which did, and compares one figure.

What only the end of a job or a sweep needs is imported there: the command line answers at once.
"""

__all__ = [
    "MULTIRUN",
    "FailedJobs",
    "best_is_greatest",
    "compare_one_figure",
    "failed_jobs",
    "is_sweep",
    "record_failure",
    "remove_record",
]

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vae.cli.overrides import parsed
from vae.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

RECORD = "failed.json"  # in the folder of a job, which another machine may have run
MULTIRUN = ("-m", "--multirun")
LOSS = ("estimator", "experiment", "objective", "penalties", "penalty")
DIRECTION = "hydra.sweeper.direction"
FIGURE = "val/elbo"  # means the same whatever the loss
GREATEST = "maximize"
BEST = "optimization_results.yaml"  # of Optuna's sweeper, in the folder of the sweep
WIDTH = 160  # of a table that goes to a file


def is_sweep() -> bool:
    """Say whether this job is one of a sweep."""
    return HydraConfig.get().mode is RunMode.MULTIRUN


def compare_one_figure(arguments: list[str]) -> None:
    """Let the jobs of a sweep over losses be compared by one figure, unless one is named.

    Each would otherwise return the figure of its own objective: a loss here, an ELBO there.
    """
    if not any(flag in arguments for flag in MULTIRUN):
        return
    settings = [setting for setting in map(parsed, arguments) if setting is not None]
    if any(setting.key_or_group == "monitor" for setting in settings):
        return
    several = (s.key_or_group for s in settings if s.is_sweep_override())
    if any(key.partition(".")[0] in LOSS for key in several):
        arguments.append(f"monitor={FIGURE}")
        print(f"the jobs are compared by {FIGURE}; monitor=... compares them by another figure")


def best_is_greatest(arguments: list[str]) -> None:
    """Let a sweeper that searches look for the greatest figure, which a run returns to it.

    That of Optuna looks for the smallest, and would end with the worst, unless it is told.
    """
    keys = [setting.key_or_group for setting in map(parsed, arguments) if setting is not None]
    if "hydra/sweeper" in keys and DIRECTION not in keys and "hydra/sweeper=optuna" in arguments:
        arguments.append(f"{DIRECTION}={GREATEST}")


def remove_record() -> None:
    """Forget that a job of an earlier sweep failed in this folder."""
    record().unlink(missing_ok=True)


def record_failure(message: str, status: int) -> None:
    """Print that this job failed, and leave a record in its folder for the end of the sweep."""
    from vae.files import replace_durably

    job = HydraConfig.get()
    told = {
        "job": job.job.num,
        "settings": list(job.overrides.task),
        "folder": job.runtime.output_dir,
        "status": status,
        "error": message,
    }
    text = json.dumps(told, indent=2) + "\n"
    record().parent.mkdir(parents=True, exist_ok=True)
    replace_durably({record(): lambda file: file.write(text.encode())})
    print(f"error: job {job.job.num}: {visible(message)}", file=sys.stderr)


def record() -> Path:
    """Return the file in which this job says that it failed."""
    return Path(HydraConfig.get().runtime.output_dir) / RECORD


class FailedJobs(Callback):
    """Ends a sweep with the table of its failed jobs and the status of the first of them."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse to search for the worst run.

        Raises:
            SystemExit: If that is what the sweeper would do; of other errors Hydra only warns.
        """
        direction = config.hydra.sweeper.get("direction", GREATEST)
        if getattr(direction, "name", direction) != GREATEST:
            told = getattr(direction, "name", direction)
            print(
                f"error: {DIRECTION}={told} would look for the worst run, since a run returns the "
                f"figure of monitor=, or its negative where less is better: {DIRECTION}={GREATEST}",
                file=sys.stderr,
            )
            sys.exit(2)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Look for the records of the jobs, and say what a search has found.

        Raises:
            SystemExit: If a job failed.
        """
        folder = Path(config.hydra.sweep.dir)
        show_best(folder / BEST)
        failed = failed_jobs(folder)
        if not failed:
            return
        from rich.console import Console

        console = Console(stderr=True)
        if not console.is_terminal:
            console.width = WIDTH
        for path in folder.rglob(RECORD):
            if len(list(path.parent.iterdir())) == 1:  # the job never began: leave no folder
                path.unlink()
        console.print(failed_table(failed, list(config.hydra.overrides.task)))
        sys.exit(failed[0]["status"])


def failed_jobs(folder: Path) -> list[dict[str, Any]]:
    """Return the records of the jobs of a sweep that failed, in their order."""
    records = (json.loads(path.read_text()) for path in folder.rglob(RECORD))
    return sorted(records, key=lambda job: job["job"])


def show_best(path: Path) -> None:
    """Print the settings that Optuna's sweeper found best, which it only writes to a file."""
    if not path.is_file():
        return
    found: Any = OmegaConf.to_container(OmegaConf.load(path))
    words = " ".join(f"{name}={value}" for name, value in found["best_params"].items())
    print(f"best of the sweep: {visible(words)}, with {found['best_value']:.3f}: {path}")


def failed_table(failed: list[dict[str, Any]], given: list[str]) -> "Table":
    """Return the table of jobs that failed, each with what the given settings leave open."""
    from rich.table import Table
    from rich.text import Text

    settings = [setting for setting in map(parsed, given) if setting is not None]
    same = {s.get_key_element() for s in settings if not s.is_sweep_override()}
    table = Table(title="jobs that failed", title_justify="left")
    for name in ("job", "settings", "error", "folder"):
        table.add_column(name, overflow="fold")
    for job in failed:
        own = " ".join(s for s in job["settings"] if s.partition("=")[0] not in same)
        folder = (
            job["folder"] if (Path(job["folder"]) / RECORD).exists() else "none: it never began"
        )
        table.add_row(*(Text(visible(c)) for c in (str(job["job"]), own, job["error"], folder)))
    return table
