"""LPIPS: how alike two pictures look to a net that knows photographs."""

__all__ = ["LPIPS"]

from typing import Any

from torch import Tensor, nn

from vae.evaluation.drawing.render import as_rgb

# By the shape of the first weight.
BACKBONES: dict[tuple[int, ...] | None, Any] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
SIDE = 64  # pixels: AlexNet's strides leave nothing of much smaller pictures


class LPIPS(nn.Module):
    """The learned perceptual distance, with the published weights of its linear layers.

    Args:
        weights: The state dict of torchvision's AlexNet or VGG-16, trained on ImageNet.

    Raises:
        ValueError: If the weights are of neither.

    References:
        The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (Zhang, Isola, Efros,
        Shechtman, Wang, 2018), 1801.03924.
    """

    def __init__(self, weights: dict[str, Any]) -> None:
        # The public class fetches a backbone when it is made; the net behind it takes one from us.
        from torchmetrics.functional.image.lpips import _LPIPS

        super().__init__()
        first = weights.get("features.0.weight")
        shape = tuple(first.shape) if isinstance(first, Tensor) else None
        if shape not in BACKBONES:
            raise ValueError("lpips needs the weights of torchvision's AlexNet or VGG-16")
        self.backbone = BACKBONES[shape]
        self.net = _LPIPS(net=self.backbone, pnet_rand=True)
        # The library's slices keep torchvision's numbers: slice2.3.weight is features.3.weight.
        names = {name: f"features.{name.partition('.')[2]}" for name in self.net.net.state_dict()}
        missing = sorted(set(names.values()) - set(weights))
        if missing:
            raise ValueError(f"the weights for lpips lack {missing[0]}")
        self.net.net.load_state_dict({name: weights[key] for name, key in names.items()})
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distance of each pair of pictures ``(N, C, H, W)`` in [0, 1], ``(N,)``.

        Pictures of fewer than 64 pixels a side are enlarged to 64.
        """
        small = min(x.shape[-2:]) < SIDE
        self.net.resize = SIDE if small else None
        distance: Tensor = self.net(as_rgb(x), as_rgb(y), normalize=True)
        return distance.flatten()
