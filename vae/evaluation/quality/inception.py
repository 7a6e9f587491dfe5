"""The net whose features make a Fréchet distance an FID."""

__all__ = ["Inception"]

from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

from vae.evaluation.drawing.render import as_rgb


class Inception(nn.Module):
    """Inception v3 as FID was defined with it: TensorFlow's weights and its way to resize.

    Args:
        weights: The state dict of ``weights-inception-2015-12-05`` of torch-fidelity.

    Raises:
        ModuleNotFoundError: Without the package torch-fidelity.
        ValueError: If the weights belong to another net.

    References:
        Rethinking the Inception Architecture for Computer Vision (Szegedy, Vanhoucke, Ioffe,
        Shlens, Wojna, 2015), 1512.00567.
    """

    def __init__(self, weights: dict[str, Any]) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        # The library would unpickle a file without asking for tensors only: it is handed the
        # tensors that were read safely, written anew.
        again = BytesIO()
        torch.save(weights, again)
        again.seek(0)
        try:
            self.net = FeatureExtractorInceptionV3(
                "inception", ["2048"], feature_extractor_weights_path=again
            )
        except RuntimeError as error:
            raise ValueError(f"not the weights of FID's Inception: {first_line(error)}") from error

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(N, 2048)`` of pictures ``(N, C, H, W)`` in [0, 1]."""
        features: Tensor = self.net((as_rgb(x) * 255).round().to(torch.uint8))[0]
        return features


def first_line(error: Exception) -> str:
    """Return the first line of an error's message: torch lists every missing key below it."""
    return str(error).splitlines()[0]
