"""What is written of a report: figures and pictures as files."""

__all__ = ["write_files"]

from vae.reports.files import write_files
