"""The nets are small: two threads are enough, and their number is the same everywhere."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def two_threads():
    torch.set_num_threads(2)
