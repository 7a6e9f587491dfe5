"""How many examples a step takes and how many epochs a run, where nobody says."""

__all__ = ["suited_batch_size", "suited_epochs", "suited_interval"]

LARGEST = 128  # examples of a batch
BATCHES = 4  # of an epoch, at least
EPOCHS = 5  # of a run, at least
VALIDATIONS = 30  # of a run, at most


def suited_batch_size(count: int) -> int:
    """Return how many of `count` training examples a step takes: 128, or less of few.

    It is the largest power of two of which four batches make an epoch; of less than eight
    examples a batch takes two, if there are two.

    Example:
        >>> [suited_batch_size(n) for n in (1, 5, 40, 240, 300, 511, 512, 50_000)]
        [1, 2, 8, 32, 64, 64, 128, 128]
    """
    share = count // BATCHES
    return min(LARGEST, max(1, min(count, 2), 1 << share.bit_length() >> 1))


def suited_epochs(
    steps_per_epoch: int, min_steps: int, interval: int | None = None
) -> tuple[int, int]:
    """Return of how many epochs a run is, and how many lie between two validations.

    They are five, or as many as make `min_steps` steps and end with a validation.

    Example:
        >>> suited_epochs(421, 500), suited_epochs(9, 3000), suited_epochs(9, 3000, interval=1)
        ((5, 1), (336, 12), (334, 1))
    """
    epochs = max(EPOCHS, -(-min_steps // steps_per_epoch))
    interval = interval or suited_interval(epochs)
    return -(-epochs // interval) * interval, interval


def suited_interval(epochs: int) -> int:
    """Return how many epochs lie between two validations, of which a run has thirty at most.

    Example:
        >>> suited_interval(5), suited_interval(30), suited_interval(334)
        (1, 1, 12)
    """
    return -(-epochs // VALIDATIONS)
