import gc
import os
import pickle
import resource
import signal

import pytest
import torch
import yaml
from torch.distributions import Distribution

import vae.flows  # noqa: F401  (before a test imports zuko, which switches checks off)


def pytest_configure():
    """One thread: as many tests run at a time as there are cores, and OpenMP waits busily."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
    torch.set_num_threads(1)
    parse_configs_once()


def parse_configs_once():
    """Keep what was parsed of each config: a command line reads thirty, of the same few files."""
    parse, known = yaml.load, {}

    def load(stream, Loader):
        if Loader.__name__ != "OmegaConfLoader" or not hasattr(stream, "seek"):
            return parse(stream, Loader)
        text = stream.read()
        if text not in known:
            stream.seek(0)
            known[text] = pickle.dumps(parse(stream, Loader))
        return pickle.loads(known[text])

    yaml.load = load


def pytest_collection_finish():
    """Leave thousands of collected tests out of the search for garbage at the start of each run."""
    gc.collect()
    gc.freeze()
    gc.freeze = gc.unfreeze = lambda: None


@pytest.fixture(autouse=True)
def settled_process():
    """One thread, single precision and the same random state for every test."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_flush_denormal(False)  # which `prepare_process` sets
    Distribution.set_default_validate_args(True)  # which torch.compile switches off


@pytest.fixture
def full_disk():
    """No file that this process writes to may have more than 300 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
