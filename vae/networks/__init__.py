"""Nets of every shape: dense, convolutional and residual, as encoders and as decoders."""

__all__ = [
    "MLP",
    "Aggregator",
    "ConvDecoder",
    "ConvEncoder",
    "CrossAttention",
    "GatedMLP",
    "Linear",
    "MeanPool",
    "Network",
    "ResNetDecoder",
    "ResNetEncoder",
    "SelfAttention",
]

from vae.networks.aggregators import Aggregator, CrossAttention, MeanPool
from vae.networks.attention import SelfAttention
from vae.networks.conv import ConvDecoder, ConvEncoder
from vae.networks.linear import Linear
from vae.networks.network import MLP, GatedMLP, Network
from vae.networks.resnet import ResNetDecoder, ResNetEncoder
