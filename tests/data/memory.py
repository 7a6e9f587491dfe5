"""How much memory an epoch takes; run in a process of its own, which prints it."""

import sys
from pathlib import Path
from threading import Event, Thread

from vae.data import Array, DataModule, Shards

STATUS = Path("/proc/self/status")


def taken() -> float:
    """Return megabytes that the kernel cannot take back, as it can pages of a mapped file."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def peak_of_an_epoch(source: Array | Shards, batch_size: int) -> float:
    """Return by how many megabytes the memory grows meanwhile, at most."""
    start, seen, done = taken(), [0.0], Event()

    def watch() -> None:
        while not done.wait(0.002):
            seen.append(taken() - start)

    watcher = Thread(target=watch)
    watcher.start()
    data = DataModule(source, batch_size=batch_size)
    data.setup()
    for group in data.train_dataloader():
        for _, draft in group:
            draft.make()
    done.set()
    watcher.join()
    return max(seen)


if __name__ == "__main__":
    kind, path, other = sys.argv[1:]
    if kind == "array":
        print(peak_of_an_epoch(Array(path, mmap=other == "True"), 128))
    else:
        print(peak_of_an_epoch(Shards(path, cache=other), 16))
