"""Train a variational autoencoder: ``python train.py --help``."""

from vae.cli import train

if __name__ == "__main__":
    train()
