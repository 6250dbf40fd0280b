"""A share of a batch, for job arrays: whose a file is, is told by its name alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Shard:
    """The files whose names hash to `index` of `count`. The shards of one count are a partition."""

    index: int = 0
    """From 0, as Kubernetes and Slurm count."""
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no share.

        :raises ValueError: an index beyond the count
        """
        if not 0 <= self.index < self.count:
            message = f"shard {self.index}/{self.count}: shards of {self.count} are 0 to {self.count - 1}"
            raise ValueError(message)

    @classmethod
    def of(cls, text: str) -> Self:
        """From `i/n`.

        :raises ValueError: not two whole numbers, or no share
        """
        index, slash, count = text.partition("/")
        if not slash or not index.isdecimal() or not count.isdecimal():
            message = f"shard {text}: wanted is INDEX/COUNT, such as 0/4"
            raise ValueError(message)
        return cls(int(index), int(count))

    @property
    def label(self) -> str:
        """For names of files."""
        return f"{self.index}-of-{self.count}"

    def holds(self, name: str) -> bool:
        """Whether the item of this name belongs to it."""
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) % self.count == self.index


WHOLE = Shard()
"""All of it."""
