"""The port of uploads: images that clients bring."""

from __future__ import annotations

from typing import Protocol


class Upload(Protocol):
    """A file on its way. For one thread at a time."""

    def write(self, data: bytes) -> None:
        """Add bytes.

        :raises UploadTooLargeError: more than are taken
        :raises NoSpaceError: the disk is full
        """

    def accept(self) -> str:
        """All has come: look whether it is an image, and give it its place; its id.

        :raises BadRequestError: it is none that can be opened
        :raises NoSpaceError: the disk is full
        """

    def abandon(self) -> None:
        """Remove what has come; nothing happens after `accept`."""


class Uploads(Protocol):
    """Where images that clients bring go. Safe to call from several threads."""

    @property
    def most_bytes(self) -> int:
        """Of a file."""

    def begin(self, name: str) -> Upload:
        """A file of this name, or nearly so.

        :raises BadRequestError: no file can have such a name
        :raises BusyError: too many are on their way
        :raises NoSpaceError: the disk is full
        """
