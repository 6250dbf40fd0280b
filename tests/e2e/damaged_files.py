"""Makes one small good file of every kind that is served, and damages files by recipe: cuts, flips, lies."""

from __future__ import annotations

import random
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from tests.dicom_files import CT, WHOLE_SLIDE, encapsulated, gradient, image, save
from tests.e2e.serving import CARD
from tests.unit.sources.matlab_files import version5, version73
from tests.unit.sources.tiff.tiff_files import gradients, noise, set_tag, write

Array = NDArray[Any]
Change = Callable[[bytearray], None]
_SERIES, _INSTANCE = "1.2.826.0.1.100000", "1.2.826.0.1.200000.1"
_HTJ2K, _JPEG_XL = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.110"
_APERIO = "Aperio Image Library v1.0\n300x300 (256x256) JPEG/RGB Q=90|AppMag = 20|MPP = 0.5"
_OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="200" SizeY="150" SizeC="1" '
    'SizeZ="1" SizeT="1"><Channel ID="Channel:0:0"/><TiffData/></Pixels></Image></OME>'
)


class Good(NamedTuple):
    """A file that is right."""

    name: str
    data: bytes


def good_files(folder: Path) -> Iterator[Good]:
    """One of each kind. `folder` is for what can only be written to a path."""
    yield from _tiffs(folder)
    yield from _slides_in_dicom()
    yield from _radiology()
    yield from _pictures(folder)
    yield Good("card.testcard", CARD.encode())


def _tiffs(folder: Path) -> Iterator[Good]:
    colour, deep = gradients(300, 300), noise((150, 200), "u2", 4000)
    tiled: dict[str, Any] = {"tile": (64, 64), "photometric": "rgb"}
    for name, array, options in (
        ("aperio.svs", colour, tiled | {"compression": "jpeg", "description": _APERIO}),
        ("ome.ome.tif", deep, {"tile": (64, 64), "compression": "deflate", "description": _OME}),
        ("jpeg2000.tif", colour, tiled | {"compression": "jpeg2000"}),
        ("zstd.tif", colour, tiled | {"compression": "zstd"}),
        ("strips.tif", colour, {"rowsperstrip": 32, "compression": "lzw", "photometric": "rgb"}),
        ("big.btf", colour, tiled | {"compression": "jpeg", "bigtiff": True}),
    ):
        yield Good(name, write(folder / name, array, **options).read_bytes())


def _slides_in_dicom() -> Iterator[Good]:
    tiles = gradient(9, 64, 64, samples=3)
    matrix = {
        "SOPClassUID": WHOLE_SLIDE,
        "Modality": "SM",
        "SeriesInstanceUID": _SERIES,
        "SOPInstanceUID": _INSTANCE,
        "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "DimensionOrganizationType": "TILED_FULL",
        "TotalPixelMatrixColumns": 150,
        "TotalPixelMatrixRows": 170,
    }
    for name, syntax, frames in (
        ("slide_raw.dcm", "1.2.840.10008.1.2.1", None),
        ("slide_jpeg.dcm", "1.2.840.10008.1.2.4.50", _each(imagecodecs.jpeg8_encode, tiles)),
        ("slide_j2k.dcm", "1.2.840.10008.1.2.4.90", _each(_j2k, tiles)),
        ("slide_htj2k.dcm", _HTJ2K, _each(imagecodecs.htj2k_encode, tiles)),
    ):
        dataset = image(tiles, **matrix)
        yield _dicom(name, encapsulated(dataset, frames) if frames else dataset, syntax)


def _radiology() -> Iterator[Good]:
    slices = (gradient(3, 90, 110, "u2") * 16 % 4096).astype("<u2")
    facts = {
        "SOPClassUID": CT,
        "Modality": "CT",
        "SeriesInstanceUID": _SERIES,
        "SOPInstanceUID": _INSTANCE,
        "BitsStored": 12,
        "HighBit": 11,
    }
    deep = list(slices)
    for name, syntax, frames in (
        ("raw.dcm", "1.2.840.10008.1.2.1", None),
        ("implicit.dcm", "1.2.840.10008.1.2", None),
        ("deflated.dcm", "1.2.840.10008.1.2.1.99", None),
        ("lossless.dcm", "1.2.840.10008.1.2.4.70", _each(imagecodecs.ljpeg_encode, deep, bitspersample=12)),
        ("jpegls.dcm", "1.2.840.10008.1.2.4.80", _each(imagecodecs.jpegls_encode, deep)),
        ("j2k.dcm", "1.2.840.10008.1.2.4.90", _each(_j2k, deep, bitspersample=12)),
        ("htj2k.dcm", _HTJ2K, _each(imagecodecs.htj2k_encode, deep)),
        ("jxl.dcm", _JPEG_XL, _each(imagecodecs.jpegxl_encode, deep, lossless=True)),
    ):
        dataset = image(slices, **facts)
        yield _dicom(name, encapsulated(dataset, frames) if frames else dataset, syntax)
    shallow = image(gradient(2, 90, 110), SeriesInstanceUID=_SERIES, SOPInstanceUID=_INSTANCE)
    baseline = _each(imagecodecs.jpeg8_encode, gradient(2, 90, 110))
    yield _dicom("baseline.dcm", encapsulated(shallow, baseline), "1.2.840.10008.1.2.4.50")
    runs = image(slices, **facts)
    runs.file_meta = pydicom.dataset.FileMetaDataset()
    runs.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    runs.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    yield _dicom("rle.dcm", runs, RLELossless)


def _dicom(name: str, dataset: Dataset, syntax: str) -> Good:
    if syntax != _JPEG_XL:
        return Good(name, save(BytesIO(), dataset, syntax).getvalue())
    data = save(BytesIO(), dataset, _HTJ2K).getvalue()  # pydicom does not know JPEG XL
    return Good(name, data.replace(_HTJ2K.encode(), _JPEG_XL.encode()))


def _pictures(folder: Path) -> Iterator[Good]:
    colour = gradients(170, 210)
    yield Good("boxes.jp2", _j2k(colour, codecformat="jp2"))
    yield Good("bare.j2k", _j2k(colour))
    yield Good("fast.jph", bytes(imagecodecs.htj2k_encode(colour)))
    for suffix in ("png", "jpg", "bmp", "webp"):
        file = BytesIO()
        Image.fromarray(colour).save(file, {"jpg": "jpeg"}.get(suffix, suffix))
        yield Good(f"picture.{suffix}", file.getvalue())
    yield Good("five.mat", version5(folder / "five.mat", cube=colour).read_bytes())
    yield Good("seven.mat", version73(folder / "seven.mat", cube=colour).read_bytes())


def _j2k(samples: Array, **options: Any) -> bytes:
    chosen: dict[str, Any] = {"codecformat": "j2k", "reversible": True, **options}
    return bytes(imagecodecs.jpeg2k_encode(samples, **chosen))


def _each(encode: Callable[..., Any], frames: Iterable[Array], **options: Any) -> list[bytes]:
    return [bytes(encode(frame, **options)) for frame in frames]


# ---- damage


def damaged(good: Good, seed: int, rounds: int = 4) -> Iterator[tuple[str, bytes]]:
    """Names of damages, and the file with each."""
    chance = random.Random(f"{good.name} {seed}")
    size = len(good.data)
    for part in (1, 2, 4, 7):
        yield f"cut{part}", good.data[: max(1, size * part // 8)]
    yield "cut at the end", good.data[:-1]
    yield "cut in the header", good.data[: min(size - 1, 200)]
    for number in range(rounds):
        yield f"head{number}", _changed(good.data, lambda data: _flip(data, chance, 0, min(size, 700), 3))
        yield f"body{number}", _changed(good.data, lambda data: _flip(data, chance, min(size, 700) // 2, size, 6))
        yield f"burst{number}", _changed(good.data, lambda data: _burst(data, chance))
    for name, lie in _lies(good):
        yield name, _changed(good.data, lie)


def _changed(good: bytes, change: Change) -> bytes:
    data = bytearray(good)
    change(data)
    return bytes(data)


def _flip(data: bytearray, chance: random.Random, begin: int, end: int, count: int) -> None:
    for _ in range(count):
        data[chance.randrange(begin, end)] ^= 1 << chance.randrange(8)


def _burst(data: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(data))
    value = chance.choice((0x00, 0xFF))
    for place in range(begin, min(len(data), begin + 40)):
        data[place] = value


def _lies(good: Good) -> Iterator[tuple[str, Change]]:
    """Headers that promise what is not there."""
    if good.data[:4] == b"II*\0":
        for tag in (256, 257, 273, 279, 322, 323, 324, 325, 277, 258):
            for value in (0, 1, 65535, 2**31 - 1, 2**32 - 1):
                yield f"tag{tag}is{value}", partial(_set_tag, tag=tag, value=value)
    for name, before, skipped, lie in _LIES:
        place = good.data.find(before)
        if place >= 0:
            yield name, _overwriting(place + skipped, lie)


_LIES = (
    ("rows 0", b"\x28\0\x10\0US", 8, bytes(2)),
    ("rows 65535", b"\x28\0\x10\0US", 8, b"\xff\xff"),
    ("columns 0", b"\x28\0\x11\0US", 8, bytes(2)),
    ("columns 65535", b"\x28\0\x11\0US", 8, b"\xff\xff"),
    ("bits", b"\x28\0\0\x01US", 8, b"\x20\0"),
    ("frames", b"\x28\0\x08\0IS", 8, b"99"),
    ("matrix columns", b"\x48\0\x06\0UL", 8, b"\xff\xff\xff\x7f"),
    ("matrix rows", b"\x48\0\x07\0UL", 8, b"\xff\xff\xff\x7f"),
    ("siz 0", b"\xff\x4f\xff\x51", 8, bytes(8)),
    ("siz of 31 bits", b"\xff\x4f\xff\x51", 8, struct.pack(">II", 2**31 - 1, 2**31 - 1)),
    ("siz of 32 bits", b"\xff\x4f\xff\x51", 8, struct.pack(">II", 2**32 - 1, 1)),
    ("siz of 20000", b"\xff\x4f\xff\x51", 8, struct.pack(">II", 20000, 20000)),
    ("ihdr", b"IHDR", 4, struct.pack(">II", 2**31 - 1, 2**31 - 1)),
    ("sof", b"\xff\xc0\0\x11", 5, b"\xff\xff\xff\xff"),
)
"""A lie, what lies before it, so many bytes from there, what is written."""


def _overwriting(place: int, new: bytes) -> Change:
    def change(data: bytearray) -> None:
        data[place : place + len(new)] = new

    return change


def _set_tag(data: bytearray, tag: int, value: int) -> None:
    try:
        set_tag(data, tag, value)
    except AssertionError:
        data[4:8] = struct.pack("<I", value)  # without that tag, the directory itself is somewhere else


def own_identity(data: bytes, uids: Sequence[str], number: int) -> bytes:
    """A DICOM file with UIDs of its own, so that damaged files are not taken for copies or slices of one another."""
    for uid in sorted(uids, key=len, reverse=True):
        digits = len(uid) - 7
        data = data.replace(uid.encode(), f"1.2.3.1{number:0{digits}d}".encode())
    return data


def uids_of(good: Good) -> tuple[str, ...]:
    """What tells a DICOM file apart from others; empty for other files."""
    if good.data[128:132] != b"DICM":
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(BytesIO(good.data), stop_before_pixels=True)
    return tuple(str(header[name].value) for name in ("SeriesInstanceUID", "SOPInstanceUID") if name in header)
