#!/usr/bin/env bash
# Pillow 13.0.0 reads a TIFF whose samples are RGB and more, or grey and more, as RGB or grey: the
# further channels are gone, without a warning and without a mark in mode, bands or info.
# Guessed: an error, a mode with more bands, or a warning. Seen: see the assertions.
# Multi-channel microscopy is stored so. Ours refuses such a file by name (tests/data/test_picture.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$place" && "$place/env/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import tifffile
from PIL import Image

warnings.simplefilter("error")
for channels, mode in ((2, "L"), (4, "RGB"), (5, "RGB")):
    kind = "minisblack" if channels == 2 else "rgb"
    further = channels - (1 if channels == 2 else 3)
    x = np.random.default_rng(0).integers(0, 256, (8, 8, channels), dtype=np.uint8)
    tifffile.imwrite("x.tif", x, photometric=kind, extrasamples=["unspecified"] * further)
    with Image.open("x.tif") as image:
        print(channels, "channels:", image.mode, image.getbands())
        assert image.mode == mode
        assert (np.asarray(image).reshape(8, 8, -1) == x[..., : len(image.getbands())]).all()
PYTHON
