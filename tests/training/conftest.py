import pytest
import torch

IGNORED = (  # what Lightning says of loaders that need no workers, and of its own dependencies
    ".*does not have many workers.*",
    ".*LeafSpec.* is deprecated.*",
    ".*callbacks used to create the checkpoint need to be provided.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "training":
            for message in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{message}"))


@pytest.fixture
def own_noise():
    """The noise of eager torch, which compiled code otherwise draws in its own way."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    torch._inductor.config.fallback_random = True
    yield
    torch._inductor.config.fallback_random = False
    torch._dynamo.config.trace_autograd_ops = False
