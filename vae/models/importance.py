"""Importance weights of any model, with bounded memory."""

__all__ = ["log_weights"]

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor
from torch.distributions import Distribution

from vae.batch import Batch
from vae.draws import Draws, Posterior, Replay, count_rows
from vae.models.fields import columns


def log_weights(
    ran: Callable[[Batch, Draws], Draws],
    batch: Batch,
    num_samples: int,
    at_once: tuple[int, int],
    proposals: Mapping[str, Distribution],
) -> Tensor:
    """Return log p(x, z_k) − log q(z_k|x), ``(K, B)``; see `Model.log_weights`.

    Latents are drawn in blocks of one size, without a likelihood; then the model is run again at
    the draws of some samples and examples at a time. The two sizes are ``at_once``, in latents.

    Raises:
        ValueError: If examples share a latent variable.
    """
    (drawn_rows, max_rows), num_rows = at_once, count_rows(batch)
    step = max(1, drawn_rows // num_rows)
    result: Tensor | None = None
    for done in range(0, num_samples, step):
        count = min(step, num_samples - done)
        drawn = ran(batch, Posterior(count, proposals=proposals, priors=False, likelihoods=False))
        # A posterior that was given no draws is the same in the next block.
        alike = {
            n: latent.q for n, latent in drawn.latents.items() if len(latent.q.batch_shape) < 2
        }
        proposals = {**alike, **proposals}
        trace = drawn.trace()
        refuse_shared(drawn)
        if result is None:
            # Made first: pieces that are kept, between slices that are not, would scatter the heap.
            result = trace.log_q.new_empty(num_samples, num_rows)
        for k, b in slices(count, num_rows, max_rows):
            latents = {n: columns(latent.z[k], b) for n, latent in drawn.latents.items()}
            some = {name: field[b] for name, field in batch.items()}
            rows = slice(done + k.start, done + min(k.stop, count))
            result[rows, b] = ran(some, Replay(latents, posteriors=False)).trace().log_joint
        result[done : done + count] -= trace.log_q
    assert result is not None
    return result


def refuse_shared(drawn: Draws) -> None:
    """Refuse variables of which one example has no weights of its own.

    Raises:
        ValueError: Naming the variable.
    """
    for name, latent in drawn.latents.items():
        if latent.shared:
            raise ValueError(
                f"all examples share the latent {name}: one alone has no importance weights. "
                "Use the ELBO, or model.predict(x).log_prob(y) of a net that predicts y"
            )


def slices(num_samples: int, num_examples: int, max_rows: int) -> Iterator[tuple[slice, slice]]:
    """Cut ``(K, B)`` into rectangles of at most ``max_rows`` latents, samples first."""
    width = min(num_examples, max_rows)
    height = max_rows // width
    for b in range(0, num_examples, width):
        for k in range(0, num_samples, height):
            yield slice(k, k + height), slice(b, b + width)
