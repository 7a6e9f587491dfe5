"""The range of a data set's values, over which its pictures are drawn and compared."""

__all__ = ["value_range"]

from vae.data import DataModule

NUM_EXAMPLES = 1000


def value_range(data: DataModule) -> tuple[float, float]:
    """Return what is drawn black and what is drawn white, the first below the second.

    Of real values that is the range of up to a thousand training examples, of all others [0, 1]:
    originals, reconstructions and samples are seen through one window, whatever the model makes.
    """
    if data.spec.support != "real":
        return 0.0, 1.0
    extremes = [batch["x"].aminmax() for batch in data.batches("train", n=NUM_EXAMPLES)]
    low = min(pair.min.item() for pair in extremes)
    return low, max(max(pair.max.item() for pair in extremes), low + 1e-6)
