import pytest

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
