"""Nets of every shape: dense, convolutional and residual, as encoders and as decoders."""

__all__ = [
    "MLP",
    "ConvDecoder",
    "ConvEncoder",
    "GatedMLP",
    "Linear",
    "Network",
    "ResNetDecoder",
    "ResNetEncoder",
    "SelfAttention",
]

from vae.networks.attention import SelfAttention
from vae.networks.conv import ConvDecoder, ConvEncoder
from vae.networks.linear import Linear
from vae.networks.network import MLP, GatedMLP, Network
from vae.networks.resnet import ResNetDecoder, ResNetEncoder
