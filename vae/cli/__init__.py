"""The commands: from the command line to objects."""

__all__ = ["evaluate", "train"]

from vae.cli.app import evaluate, train
