"""``seeds=5``: a sweep over seeds that ends with the comparison of its runs."""

__all__ = ["Compared", "one_for_each_seed"]

import shlex
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from vae.cli.overrides import hydra_quoted, parsed
from vae.cli.sweeps import MULTIRUN, failed_jobs
from vae.cli.typed_words import command_line
from vae.visible import visible

SEEDS, SEED = "seeds", "seed"
LEAST, MOST = 2, 1000
COMPARED = "+hydra.callbacks.compared._target_=vae.cli.seeds.Compared"
SAME = ("report", "test_samples", "threads", "plugins")  # settings of both commands
SWEEPER = "hydra/sweeper"
RUN_FOLDER = "hydra.run.dir"  # which Hydra does not read in a sweep


def one_for_each_seed(arguments: list[str]) -> None:
    """Put a sweep over ``seed`` in the place of ``seeds``, and the comparison at its end.

    The seed comes last, so that the runs of one variant follow each other.

    Raises:
        ValueError: If the number is wrong, or something else is said of the seed or the sweep.
    """
    settings = [(a, override) for a in arguments[1:] if (override := parsed(a)) is not None]
    given = [(a, override) for a, override in settings if override.key_or_group == SEEDS]
    if not given:
        return
    number = given[-1][1].value()
    if isinstance(number, bool) or not isinstance(number, int) or not LEAST <= number <= MOST:
        raise ValueError(
            f"seeds must be a whole number from {LEAST} to {MOST:,}, of runs that differ in their "
            f"seed alone; got {given[-1][0].partition('=')[2][:80] or 'none'}"
        )
    for argument, override in settings:
        key = override.key_or_group
        if key in (SEED, "resume") or (key == SWEEPER and override.value() != "basic"):
            raise ValueError(
                f"seeds={number} makes the runs of the seeds 0 to {number - 1}: leave "
                f"{argument[:200]} out"
            )
        if key == RUN_FOLDER:
            raise ValueError(
                f"seeds={number} makes {number} runs, each in a folder of its own: name the one "
                f"above them, hydra.sweep.dir={argument.partition('=')[2][:200]}"
            )
    left = {argument for argument, _ in given}
    arguments[1:] = [a for a in arguments[1:] if a not in left]
    if not any(flag in arguments for flag in MULTIRUN):
        arguments.insert(1, MULTIRUN[0])
    arguments += [f"{SEED}={','.join(map(str, range(number)))}", COMPARED]


class Compared(Callback):
    """Ends a sweep with the comparison of its runs, as an evaluation of its folder makes it."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare the runs that have a best checkpoint.

        Raises:
            SystemExit: If that fails, and no job did, which is told next.
        """
        folder = Path(config.hydra.sweep.dir)
        runs = sorted(folder.glob("**/checkpoints/best.ckpt"))
        if len(runs) < LEAST:
            print(f"no comparison: {len(runs)} of the runs left a checkpoint", file=sys.stderr)
            return
        if not config.test:
            words = [*command_line("eval"), f"checkpoint={hydra_quoted(folder)}"]
            print(f"compare the runs on test data, which test=false left out: {shlex.join(words)}")
            return
        from vae.cli.messages import explain

        try:
            compare_runs(folder, config)
        except Exception as error:
            message, status = explain(error, [], "eval")
            print(f"error: the runs cannot be compared: {visible(message)}", file=sys.stderr)
            if not failed_jobs(folder):
                sys.exit(status)


def compare_runs(folder: Path, config: DictConfig) -> None:
    """Evaluate the runs of a folder as each was evaluated at its end, if so, and compare them."""
    if not config.report:
        return
    from vae.cli.compose import compose_settings
    from vae.cli.evaluate import run

    settings = compose_settings(resolve=False, command="eval", overrides=["report=[]"])
    chosen: Any = {name: config[name] for name in SAME if name in settings}
    device = "cpu" if config.trainer.accelerator == "cpu" else "auto"
    run(OmegaConf.create({**settings, **chosen, "checkpoint": str(folder), "device": device}))
