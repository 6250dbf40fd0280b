"""Makes a large slide of real tissue: a small one, mirrored over and over, as Aperio writes it (BigTIFF, JPEG tiles).

    python testdata/make_big.py [TARGET [SOURCE]]

The pixels repeat with a period of two mirrored blocks, so each tile of the period is encoded once and its bytes are
written as often as it occurs. Levels are 1, 4 and 16 times reduced; tiles at the right and lower edge are padded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from rich.progress import Progress
from simplejpeg import encode_jpeg

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testdata.samples import ROOT, SLIDE, fetch_slide

TILE = 256
WIDTH, HEIGHT = 20_300, 20_200
"""No multiples of the tile, as in life."""
BLOCK_LEFT = 300
BLOCK_WIDTH, BLOCK_HEIGHT = 6 * TILE, 10 * TILE
"""What is cut from the source, mostly tissue; two mirrored blocks are whole tiles on the first two levels."""
DOWNSAMPLES = (1, 4, 16)
QUALITY = 75
THUMBNAIL_DOWNSAMPLE = 32
MPP = 0.499

Pixels = NDArray[np.uint8]


def read_block(source: Path) -> Pixels:
    """The block of a slide's first level, decoded.

    :raises ValueError: the slide is too small
    """
    pixels = tifffile.imread(source, key=0)[:BLOCK_HEIGHT, BLOCK_LEFT : BLOCK_LEFT + BLOCK_WIDTH]
    if pixels.shape != (BLOCK_HEIGHT, BLOCK_WIDTH, 3):
        message = f"{source.name}: too small, {BLOCK_LEFT + BLOCK_WIDTH} x {BLOCK_HEIGHT} pixels of RGB are needed"
        raise ValueError(message)
    return np.ascontiguousarray(pixels, np.uint8)


def mirrored(block: Pixels) -> Pixels:
    """A block with its mirror images at its right and below: repeated, it has no seams."""
    wide = np.concatenate([block, block[:, ::-1]], axis=1)
    return np.concatenate([wide, wide[::-1]], axis=0)


def reduced(pixels: Pixels, downsample: int) -> Pixels:
    """Area averages."""
    rows, columns = pixels.shape[0] // downsample, pixels.shape[1] // downsample
    blocks = pixels.reshape(rows, downsample, columns, downsample, 3)
    return np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


def tiles(period: Pixels, width: int, height: int, step: Callable[[], None]) -> Iterator[bytes]:
    """The encoded tiles of a level, row by row."""
    encoded: dict[tuple[int, int], bytes] = {}
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            corner = (y % period.shape[0], x % period.shape[1])
            if corner not in encoded:
                encoded[corner] = encode_tile(period, *corner)
            yield encoded[corner]
            step()


def encode_tile(period: Pixels, y: int, x: int) -> bytes:
    """A tile of the endlessly repeated period, as JPEG 4:2:0."""
    rows = np.arange(y, y + TILE) % period.shape[0]
    columns = np.arange(x, x + TILE) % period.shape[1]
    return bytes(encode_jpeg(np.ascontiguousarray(period[np.ix_(rows, columns)]), QUALITY, "RGB", "420"))


def description(width: int, height: int) -> str:
    """What Aperio's ImageDescription says of a level."""
    size = f"{width}x{height} [0,0 {width}x{height}] ({TILE}x{TILE}) JPEG/RGB Q={QUALITY}"
    return f"Aperio Image Library v11.2.1 \r\n{size}|AppMag = 20|MPP = {MPP}|Title = mirrored"


def make_big(source: Path, target: Path) -> None:
    """Write the slide; it is there whole or not at all.

    :raises ValueError: the source is too small
    """
    period = mirrored(read_block(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part{os.getpid()}")
    try:
        with Progress() as progress, tifffile.TiffWriter(part, bigtiff=True) as tiff:
            for index, downsample in enumerate(DOWNSAMPLES):
                write_level(tiff, reduced(period, downsample), downsample, progress)
                if index == 0:  # Aperio's second picture is the thumbnail
                    write_thumbnail(tiff, reduced(period, THUMBNAIL_DOWNSAMPLE))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_level(tiff: tifffile.TiffWriter, period: Pixels, downsample: int, progress: Progress) -> None:
    """Append one tiled level."""
    width, height = WIDTH // downsample, HEIGHT // downsample
    count = -(-width // TILE) * -(-height // TILE)
    task = progress.add_task(f"level of {width} x {height}", total=count)
    tiff.write(
        tiles(period, width, height, lambda: progress.advance(task)),
        shape=(height, width, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="ycbcr",
        compression="jpeg",
        subsampling=(2, 2),
        description=description(width, height),
        resolution=(10_000 / MPP / downsample, 10_000 / MPP / downsample),
        resolutionunit="CENTIMETER",
        metadata=None,
    )


def write_thumbnail(tiff: tifffile.TiffWriter, period: Pixels) -> None:
    """Append a small picture of the whole, in one strip."""
    width, height = WIDTH // THUMBNAIL_DOWNSAMPLE, HEIGHT // THUMBNAIL_DOWNSAMPLE
    repeats = (-(-height // period.shape[0]), -(-width // period.shape[1]), 1)
    whole = np.ascontiguousarray(np.tile(period, repeats)[:height, :width])
    tiff.write(
        iter([encode_jpeg(whole, QUALITY, "RGB", "420")]),
        shape=(height, width, 3),
        dtype=np.uint8,
        rowsperstrip=height,
        photometric="ycbcr",
        compression="jpeg",
        subsampling=(2, 2),
        description=f"Aperio Image Library v11.2.1 \r\n{WIDTH}x{HEIGHT} -> {width}x{height}",
        metadata=None,
    )


def cache_folder() -> Path:
    """Where large images are kept between runs: medtiles-testdata in XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medtiles-testdata"


def cached_big(source: Path | None = None) -> Path:
    """The large slide, made once and kept in the cache folder; the sample slide is fetched when no source is given.

    :raises FileNotFoundError: the sample slide cannot be fetched
    """
    target = cache_folder() / f"mirrored-{WIDTH}x{HEIGHT}-q{QUALITY}.svs"
    if not target.exists():
        make_big(source or sample_slide(), target)
    return target


def sample_slide() -> Path:
    """The sample slide.

    :raises FileNotFoundError: it cannot be fetched
    """
    slide = fetch_slide(ROOT / "samples")
    if slide is None:
        message = f"{SLIDE} cannot be fetched, and a large slide is made of a real one"
        raise FileNotFoundError(message)
    return slide


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    wanted = arguments[0] if arguments else ROOT / "samples" / "big.svs"
    if not wanted.exists():
        try:
            make_big(arguments[1] if len(arguments) > 1 else sample_slide(), wanted)
        except (OSError, ValueError) as error:
            sys.exit(f"no large slide: {error}")
