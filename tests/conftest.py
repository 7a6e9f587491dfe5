import pytest
import torch


@pytest.fixture(autouse=True)
def settled_process():
    """Two threads, single precision and the same random state for every test."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_flush_denormal(False)  # which `prepare_process` sets


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
