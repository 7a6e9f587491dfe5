import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread(settled_process):
    """Two wait for each other longer than these small tensors take."""
    torch.set_num_threads(1)
