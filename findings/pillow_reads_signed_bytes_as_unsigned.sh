#!/usr/bin/env bash
# Pillow 13.0.0 reads a TIFF of signed bytes as unsigned ones: −1 becomes 255, the brightest pixel.
# Guessed: a signed mode such as I, or a refusal. Seen: mode L, values modulo 256, no warning.
# Difference images are stored so. Ours refuses signed bytes by name (tests/data/test_picture.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$place" && "$place/env/bin/python" - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

x = np.array([[-1, 0], [1, 127]], np.int8)
tifffile.imwrite("x.tif", x)
with Image.open("x.tif") as image:
    print(image.mode, np.asarray(image).tolist())
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[255, 0], [1, 127]]
PYTHON
