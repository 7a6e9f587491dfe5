"""What chains are asked for: a density among reals, and numbers that can be."""

__all__ = ["check_positive", "check_scale", "check_target"]

from math import inf

from torch import Tensor

from vae.inference.target import Target


def check_target(target: object) -> None:
    """Refuse what is no density among reals.

    Raises:
        ValueError: Saying what to give instead.
    """
    if not isinstance(target, Target):
        raise ValueError(
            "target must be a Target: fit.target of a fit, or Target.of(log_joint, latents); got "
            f"{target!r:.60}"
        )
    if target.discrete:
        raise ValueError(
            f"{', '.join(target.discrete)} is discrete, and chains move among the reals: sum over "
            "its values in the log-joint, or draw from the fit by fit.sample"
        )


def check_positive(name: str, value: object, below: float = inf) -> None:
    """Refuse what is no number above 0 and below another."""
    if not isinstance(value, int | float) or not 0 < value < below:
        told = "a finite number above 0" if below == inf else f"a number above 0 and below {below}"
        raise ValueError(f"{name} must be {told}; got {value!r:.60}")


def check_scale(scale: object, dim: int) -> None:
    """Refuse what is no standard deviation of each coordinate."""
    if scale is None:
        return
    if not isinstance(scale, Tensor) or scale.shape != (dim,) or not (scale > 0).all():
        got = tuple(scale.shape) if isinstance(scale, Tensor) else repr(scale)[:60]
        raise ValueError(
            f"scale must be standard deviations above 0, ({dim},), such as fit.q.stddev; got {got}"
        )
