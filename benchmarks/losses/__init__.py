"""Whether two revisions train alike, bit for bit: `python -m benchmarks.losses`."""
