"""What is written of a report: files, a page, TensorBoard's events."""

__all__ = ["write_events", "write_files", "write_page"]

from vae.reports.events import write_events
from vae.reports.page import write_page
from vae.reports.report_files import write_files
