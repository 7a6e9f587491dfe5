#!/usr/bin/env bash
# tifffile 2026.3.3 writes a stack as one directory and a count with truncate=True, ImageJ's way with
# stacks of 4 GB: Pillow 13.0.0 then sees one page of it, whatever the stack's length.
# Guessed: n_frames is the number of pictures. Seen: 1 of 7, and no error at the end of the file.
# Ours refuses such a stack by name (tests/data/test_picture.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$place" && "$place/env/bin/python" - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

x = np.arange(7 * 16 * 16, dtype=np.uint16).reshape(7, 16, 16)
for truncate, pages in ((False, 7), (True, 1)):
    tifffile.imwrite("x.tif", x, imagej=True, truncate=truncate)
    with Image.open("x.tif") as image:
        print("truncate", truncate, ":", image.n_frames, "of", len(tifffile.imread("x.tif")))
        assert image.n_frames == pages
    assert tifffile.imread("x.tif").shape == x.shape
PYTHON
