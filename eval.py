"""Evaluate a checkpoint: ``python eval.py checkpoint=outputs/.../best.ckpt``."""

from vae.cli import evaluate

if __name__ == "__main__":
    evaluate()
