import pytest
import torch
from torch.distributions import Distribution

import vae.flows  # noqa: F401  (before a test imports zuko, which switches checks off)


@pytest.fixture(autouse=True)
def settled_process():
    """Two threads, single precision and the same random state for every test."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_flush_denormal(False)  # which `prepare_process` sets
    Distribution.set_default_validate_args(True)  # which torch.compile switches off


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
