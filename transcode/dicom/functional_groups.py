"""Functional groups of enhanced multi-frame instances: what holds for one frame (PS3.3 C.7.6.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcode.dicom.attributes import item, items

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class FunctionalGroups:
    """The shared and the per-frame functional groups; both empty for instances that have none. Of one thread."""

    def __init__(self, dataset: Dataset) -> None:
        """Note the items.

        :raises DicomFileError: one of the two sequences is none
        """
        self._shared = item(dataset, "SharedFunctionalGroupsSequence")
        self._per_frame = items(dataset, "PerFrameFunctionalGroupsSequence")

    @property
    def frames(self) -> int:
        """How many frames have groups of their own."""
        return len(self._per_frame)

    def find(self, frame: int, keyword: str) -> Dataset | None:
        """The first item of a macro's sequence, for one frame: its own, or else the shared one.

        :param frame: from 0; beyond the groups there are only the shared ones
        :raises DicomFileError: the sequence is none
        """
        own = item(self._per_frame[frame], keyword) if 0 <= frame < len(self._per_frame) else None
        if own is not None:
            return own
        return item(self._shared, keyword) if self._shared is not None else None
