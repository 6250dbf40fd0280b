"""Sizes and rectangles in whole pixels. Order is always (x, y), (width, height), (column, row)."""

from __future__ import annotations

from dataclasses import dataclass


def ceil_div(a: int, b: int) -> int:
    """The smallest integer that is not less than a / b."""
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Size:
    """A width and a height, in pixels."""

    width: int
    height: int

    def reduced(self, reduction: int) -> Size:
        """The size after so many halvings, rounded up, never less than one pixel."""
        return Size(max(1, ceil_div(self.width, 1 << reduction)), max(1, ceil_div(self.height, 1 << reduction)))

    def grid(self, tile: Size) -> Size:
        """Columns and rows of tiles that cover it."""
        return Size(ceil_div(self.width, tile.width), ceil_div(self.height, tile.height))

    def fitted(self, side: int) -> Size:
        """The largest size of the same shape that fits a square, never enlarged."""
        longest = max(self.width, self.height)
        if longest <= side:
            return self
        return Size(max(1, round(self.width * side / longest)), max(1, round(self.height * side / longest)))

    def scaled(self, scale: float) -> Size:
        """The size at a scale, never less than one pixel."""
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))

    @property
    def area(self) -> int:
        """Pixels in all."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle on one level. Which level, its owner says."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column beyond it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row beyond it."""
        return self.y + self.height

    @property
    def size(self) -> Size:
        """Its width and height."""
        return Size(self.width, self.height)

    def is_within(self, size: Size) -> bool:
        """Whether it is not empty and lies wholly on a picture of this size."""
        return (
            self.x >= 0
            and self.y >= 0
            and self.width > 0
            and self.height > 0
            and self.right <= size.width
            and self.bottom <= size.height
        )

    def cut_to(self, size: Size) -> Region:
        """The part of it that lies on a picture of this size; width and height may come out as 0."""
        x, y = max(0, self.x), max(0, self.y)
        return Region(x, y, max(0, min(self.right, size.width) - x), max(0, min(self.bottom, size.height) - y))
