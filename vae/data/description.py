"""What a run's summary and a report say of the data."""

__all__ = ["described"]

from vae.data.preprocess import Preprocess
from vae.data.split_data import SplitData
from vae.visible import visible

UNITS = "densities and x are in the units of the data; the nets see x standardised"


def described(parts: SplitData, preprocess: Preprocess, **numbers: int) -> dict[str, str | int]:
    """Return what the data are, how they were read and what becomes of them, by name.

    Names of files in it are `visible`: a report's files hold no bytes that are no letters.

    Args:
        parts: The examples of each split.
        preprocess: From raw values to model input.
        numbers: Further settings to be told, by name.
    """
    spec = preprocess.spec
    told: dict[str, str | int] = {
        "data": spec.name,
        "shape": "×".join(map(str, spec.shape)),
        "binarization": preprocess.binarization,
        "dequantize": str(preprocess.dequantize),
        **({"units": UNITS} if spec.standardized else {}),
        **{f"{name}_examples": len(examples) for name, examples in parts.splits.items()},
        **({} if spec.num_labelled is None else {"labelled_examples": spec.num_labelled}),
        **parts.facts,
        **numbers,
    }
    return {k: visible(v) if isinstance(v, str) else v for k, v in told.items()}
