"""Weights of published nets, from a file or from the net's own address; data only, never code."""

__all__ = ["ALEXNET_URL", "INCEPTION_URL", "load_weights"]

from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from vae.data.sets.standard import impatient_sockets
from vae.evaluation.section import NotApplicable

ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)


REFUSALS = (OSError, RuntimeError, EOFError, LookupError, HTTPException, UnpicklingError)


def load_weights(path: str | None, url: str | None) -> dict[str, Any] | None:
    """Return a state dict, or ``None`` if there is neither a file nor an address.

    Args:
        path: A file of tensors, as `torch.save` writes it.
        url: Where it is fetched from, unless torch's cache holds it; a server that does not
            answer for ten seconds is given up.

    Raises:
        ValueError: If the file cannot be read, or holds anything but tensors.
        NotApplicable: If nothing could be fetched, so that the rest of a report is still made.
    """
    try:
        if path is not None:
            found = torch.load(Path(path).expanduser(), map_location="cpu", weights_only=True)
        elif url is not None:
            with impatient_sockets():
                found = torch.hub.load_state_dict_from_url(
                    url, map_location="cpu", progress=False, weights_only=True
                )
        else:
            return None
    except REFUSALS as error:
        told = (str(error) or type(error).__name__).splitlines()[0]
        refusal = NotApplicable if path is None else ValueError
        raise refusal(f"no weights from {path or url}: {told}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path or url} holds no state dict but a {type(found).__name__}")
    return found
