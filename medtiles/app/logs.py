"""What the server's processes tell on standard error: warnings and worse, one line each, with the process's number."""

from __future__ import annotations

import logging
import warnings


def set_up_logs() -> None:
    """Call once in each process, before anything else."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s medtiles[%(process)d] %(levelname)s %(name)s: %(message)s"
    )
    # What libraries warn of is the state of other people's files; images that suffer are listed with their problem.
    warnings.simplefilter("ignore")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
