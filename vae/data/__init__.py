"""Data sets, their splits, and batches of them."""

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "STL10",
    "SVHN",
    "Array",
    "Batch",
    "Batches",
    "CelebA",
    "DataModule",
    "DataSpec",
    "Draft",
    "EvalBatches",
    "Examples",
    "FactorSet",
    "FashionMNIST",
    "Group",
    "Images",
    "Omniglot",
    "Preprocess",
    "Shards",
    "Source",
    "Splits",
    "Sprites",
    "TensorExamples",
    "TrainBatches",
    "make_data",
]

from vae.batch import Batch
from vae.data.array import Array
from vae.data.batches import Batches
from vae.data.colors import CIFAR10, CIFAR100, STL10, SVHN
from vae.data.digits import EMNIST, KMNIST, MNIST, FashionMNIST
from vae.data.drawings import CelebA, Omniglot
from vae.data.eval_batches import EvalBatches
from vae.data.factors import FactorSet
from vae.data.images import Images
from vae.data.making import make_data
from vae.data.module import DataModule
from vae.data.preprocess import Preprocess
from vae.data.shards import Shards
from vae.data.source import Examples, Source, Splits, TensorExamples
from vae.data.sprites import Sprites
from vae.data.train_batches import Draft, Group, TrainBatches
from vae.spec import DataSpec
