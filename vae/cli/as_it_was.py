"""What a call from Python leaves as it was: Hydra's state, and what ``train.py`` sets for good."""

__all__ = ["FITTING", "hydra_as_it_was", "process_of_a_run"]

import gc
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton

from vae.cli.environment import prepare_process

COMPOSING = threading.RLock()  # Hydra's state is one for all threads
FITTING = threading.RLock()  # so are torch's random numbers and what else a run sets
SMALL = 1e-40  # below the least number that float32 holds in full


@contextmanager
def hydra_as_it_was() -> Iterator[None]:
    """Leave Hydra's global state as it is, of a program that may be one of Hydra's itself."""
    own, kept = (GlobalHydra, HydraConfig), vars(Singleton)["_instances"]
    with COMPOSING:
        before = {kind: kept.pop(kind) for kind in own if kind in kept}
        try:
            yield
        finally:
            for kind in own:
                kept.pop(kind, None)
            kept.update(before)


@contextmanager
def process_of_a_run(threads: int | None, *, quiet: bool) -> Iterator[None]:
    """Set what ``train.py`` sets for its whole process, and leave it as it was before."""
    logger, few = logging.getLogger("lightning"), torch.tensor([SMALL])
    before = logger.level, torch.get_num_threads(), bool((few * 1 == 0).item())
    precision = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    cudnn = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    exact = torch.are_deterministic_algorithms_enabled()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            prepare_process(threads)
            logger.setLevel(logging.ERROR if quiet else logging.WARNING)
            yield
    finally:
        logger.setLevel(before[0])
        torch.set_num_threads(before[1])
        torch.set_flush_denormal(before[2])
        torch.set_float32_matmul_precision(precision[0])
        torch.backends.cudnn.allow_tf32 = precision[1]
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = cudnn
        torch.use_deterministic_algorithms(exact)
        gc.unfreeze()
