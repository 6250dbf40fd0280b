"""One driver on a destination, or one for each shard of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch.errors import JournalError
from transcode.batch.shards import WHOLE, Shard


class DestinationLock:
    """Held while a batch runs. The system lets go of it when the process dies, however it dies."""

    def __init__(self, folder: Path, shard: Shard = WHOLE) -> None:
        """Take it.

        :param folder: the batch's own, in the destination
        :raises JournalError: another process works there
        """
        self._descriptors: list[int] = []
        mode = fcntl.LOCK_EX if shard == WHOLE else fcntl.LOCK_SH
        try:
            self._take(folder / "lock", mode)
            if shard != WHOLE:
                self._take(folder / f"lock-{shard.label}", fcntl.LOCK_EX)
        except BlockingIOError as error:
            self.release()
            message = f"another process is converting into {folder.parent}"
            raise JournalError(message) from error
        except BaseException:
            self.release()
            raise

    def _take(self, path: Path, mode: int) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._descriptors.append(descriptor)
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let others work there."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
