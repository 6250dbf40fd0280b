"""What can go wrong with a batch, beside what is wrong with one frame or file.

BatchError
├─ ContainerError        a zip, tar or gzip file is damaged, encrypted, or unpacks to more than is allowed
├─ OccupiedError         the destination has a file of that name that this batch did not write
├─ PlanError             a plan that cannot be read, or is of another version
├─ EngineError           there is no such engine, or it cannot be reached
├─ JournalError          a journal of another plan, another source, or in use by another process
└─ StorageError          the disk is full, read-only or broken, or files ran out: nothing more can be written

They are no TranscodeErrors: those are told over the wire, by servers that never see a batch.
"""

from __future__ import annotations

import errno

STORAGE_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENODEV, errno.ESTALE}
)
"""What says that the next file will fare no better."""


class BatchError(Exception):
    """Base of the errors of a batch."""


class ContainerError(BatchError):
    """A container cannot be unpacked; it is damaged, encrypted, or a bomb."""


class OccupiedError(BatchError):
    """A file that this batch did not write has the name of an output."""


class PlanError(BatchError):
    """A plan that cannot be read."""


class EngineError(BatchError):
    """There is no such engine, or it cannot be reached."""


class JournalError(BatchError):
    """A journal that belongs to something else, or that another process is writing."""


class StorageError(BatchError):
    """Nothing more can be written. The batch stops, and goes on by `--resume` once there is room."""


def storage_error(error: OSError, what: str) -> StorageError | None:
    """The error that stops the batch, when this one means that; None when it is about one file."""
    if error.errno not in STORAGE_ERRNOS:
        return None
    return StorageError(f"{what}: {error.strerror or error}")
