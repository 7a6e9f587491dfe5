"""Data sets, their splits, and batches of them."""

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "RBF",
    "STL10",
    "SVHN",
    "Array",
    "Batch",
    "Batches",
    "CelebA",
    "Covariance",
    "DataModule",
    "DataSpec",
    "Draft",
    "EvalBatches",
    "Examples",
    "FactorSet",
    "FashionMNIST",
    "GPCurves",
    "Group",
    "Images",
    "Matern",
    "Memory",
    "MovingSprites",
    "Omniglot",
    "Periodic",
    "Preprocess",
    "Sequences",
    "Shards",
    "Source",
    "Splits",
    "Sprites",
    "Table",
    "TensorExamples",
    "TrainBatches",
    "collect",
    "make_data",
]

from vae.batch import Batch
from vae.data.batches import Batches
from vae.data.collecting import collect
from vae.data.data_module import DataModule
from vae.data.eval_batches import EvalBatches
from vae.data.formats.array import Array
from vae.data.formats.images import Images
from vae.data.formats.sequences import Sequences
from vae.data.formats.shards import Shards
from vae.data.formats.table import Table
from vae.data.making import make_data
from vae.data.memory import Memory
from vae.data.preprocess import Preprocess
from vae.data.sets.colors import CIFAR10, CIFAR100, STL10, SVHN
from vae.data.sets.digits import EMNIST, KMNIST, MNIST, FashionMNIST
from vae.data.sets.drawings import CelebA, Omniglot
from vae.data.sets.factors import FactorSet
from vae.data.sets.gp_curves import GPCurves
from vae.data.sets.kernels import RBF, Covariance, Matern, Periodic
from vae.data.sets.moving_sprites import MovingSprites
from vae.data.sets.sprites import Sprites
from vae.data.source import Examples, Source, Splits, TensorExamples
from vae.data.train_batches import Draft, Group, TrainBatches
from vae.spec import DataSpec
