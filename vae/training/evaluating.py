"""What a module measures outside training: on validation, on a test set, and codes."""

__all__ = ["log_means", "measure_batch"]

from typing import Any

from vae.argument_checks import unchecked
from vae.draws import count_rows
from vae.objectives import Progress
from vae.trace import Trace
from vae.training.meter import check_figures, with_totals
from vae.training.seeding import seed_noise
from vae.training.step import measured

EVALUATION = 1  # the stream of noise: evaluation never draws what training would


@unchecked()
def measure_batch(module: Any, batch: Any, number: int, stage: str) -> Trace:
    """Measure a batch with noise that is the same in every epoch; return its trace.

    Args:
        module: A `VAEModule`, whose meter takes the figures.
        batch: As the loader gives it.
        number: Of the batch.
        stage: ``val`` or ``test``.
    """
    batch = module.user_data.batch(module, batch, stage)
    seed_noise(module.device, module.seed, EVALUATION, module.global_rank, number)
    at = Progress(module.trainer.global_step, module.num_examples)
    trace, _, figures = measured(module.model, module.objective, batch, at)
    module.eval_meter.update(figures, count_rows(batch))
    module.eval_meter.settle()
    return trace


def log_means(module: Any, stage: str) -> None:
    """Log the figures of a stage, averaged over all examples of all ranks."""
    trainer, meter = module.trainer, module.eval_meter
    sums = trainer.strategy.reduce(meter.sums(), reduce_op="sum")
    means = with_totals(meter.means(sums))
    proper = module.model.proper
    check_figures(means, sums[-1].item(), trainer.global_step, proper=proper)
    if trainer.sanity_checking:  # which is no validation
        return
    figures = {f"{stage}/{name}": mean for name, mean in means.items()}
    fitting = trainer.state.fn == "fit"  # otherwise Lightning logs them, and returns them
    # For checkpoints and early stopping; the same on every rank already.
    for name, figure in figures.items():
        bar = fitting and name == f"{stage}/elbo"
        module.log(name, figure, logger=not fitting, sync_dist=True, prog_bar=bar)
    for logger in module.loggers if fitting else ():
        logger.log_metrics(figures, step=trainer.global_step)
