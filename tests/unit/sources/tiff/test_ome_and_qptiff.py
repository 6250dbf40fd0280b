"""OME-TIFF and qptiff: what their XML says of channels, slices, time points, sizes and colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.sources.tiff import FORMAT
from tests.unit.sources.tiff.tiff_files import gradients, noise, opened
from tests.unit.sources.whole_pictures import whole_level

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_PIXELS = (
    'ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="64" SizeY="48" SizeC="{c}" SizeZ="{z}" SizeT="{t}" '
    'PhysicalSizeX="0.5" PhysicalSizeY="0.25" PhysicalSizeZ="2000" PhysicalSizeZUnit="nm"'
)


def ome(body: str, pixels: str = "", **sizes: Any) -> str:
    values = {"order": "XYCZT", "c": 1, "z": 1, "t": 1, **sizes}
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{_NAMESPACE}" UUID="urn:uuid:own">'
        f'<Instrument ID="I:0"><Objective ID="O:0" NominalMagnification="20"/></Instrument><Image ID="Image:0">'
        f'<ObjectiveSettings ID="O:0"/><Pixels {_PIXELS.format(**values)} {pixels}>{body}</Pixels></Image></OME>'
    )


def pages(path: Path, count: int, text: str) -> Path:
    """Pages of 64 x 48, the nth full of n."""
    with tifffile.TiffWriter(path) as file:
        for number in range(count):
            array = np.full((48, 64), number, np.uint16)
            file.write(array, description=text.encode() if number == 0 else None, metadata=None)
    return path


@pytest.mark.parametrize("order", ["XYCZT", "XYZCT", "XYTZC", "XYZTC"])
def test_pages_follow_one_another_in_the_dimension_order(tmp_path: Path, order: str) -> None:
    path = pages(tmp_path / "a.ome.tif", 24, ome("<TiffData/>", order=order, c=2, z=3, t=4))
    sizes = {"C": 2, "Z": 3, "T": 4}
    with opened(path) as source:
        assert len(source.info.planes) == 24
        for number, plane in enumerate(source.info.planes):
            at = {"C": plane.channel, "Z": plane.z, "T": plane.t}
            fast, middle, slow = tuple(order[2:])
            wanted = at[fast] + sizes[fast] * (at[middle] + sizes[middle] * at[slow])
            assert set(whole_level(source, 0, number).ravel()) == {wanted}


def test_tiff_data_places_pages_and_what_is_missing_is_dark(tmp_path: Path) -> None:
    body = '<TiffData FirstC="1" IFD="0"/><TiffData FirstC="0" IFD="1"/>'
    with opened(pages(tmp_path / "a.ome.tif", 2, ome(body, c=3))) as source:
        found = [int(whole_level(source, 0, plane).max()) for plane in range(3)]
    assert found == [1, 0, 0]


def test_sizes_names_and_colours_come_from_the_xml(tmp_path: Path) -> None:
    channels = '<Channel ID="C:0" Name="DAPI" Color="65535"/><Channel ID="C:1" Fluor="FITC" Color="-16776961"/>'
    with opened(pages(tmp_path / "a.ome.tif", 4, ome(channels, c=2, z=2))) as source:
        info = source.info
        assert info.format == "ome-tiff"
        assert info.spacing_mm == pytest.approx((0.0005, 0.00025))
        assert info.slice_spacing_mm == pytest.approx(0.002)
        assert info.objective_power == 20
        assert [plane.name for plane in info.planes] == [
            "DAPI, slice 1", "FITC, slice 1", "DAPI, slice 2", "FITC, slice 2",
        ]  # fmt: skip
        assert info.planes[2].position_mm == pytest.approx(0.002)
        assert [source.display(plane).colour for plane in range(2)] == [(0, 0, 255), (255, 0, 0)]


def test_rgb_is_one_channel(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, gradients(), tile=(64, 64), photometric="rgb", metadata={"axes": "YXS"}, ome=True)
    with opened(path) as source:
        assert len(source.info.planes) == 1
        assert source.display(0).colour is None
        assert np.array_equal(whole_level(source), gradients())


def test_pyramids_in_sub_directories_are_levels_of_all_channels(tmp_path: Path) -> None:
    array, path = noise((3, 200, 300), "u2", 60000), tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        file.write(array, subifds=2, tile=(64, 64), photometric="minisblack", metadata={"axes": "CYX"})
        for step in (2, 4):
            file.write(array[:, ::step, ::step], subfiletype=1, tile=(64, 64), photometric="minisblack")
    with opened(path) as source:
        assert len(source.info.levels) == 3
        for level, step in enumerate((1, 2, 4)):
            for plane in range(3):
                assert np.array_equal(whole_level(source, level, plane)[..., 0], array[plane, ::step, ::step])


def test_planes_in_other_files_are_refused(tmp_path: Path) -> None:
    body = '<TiffData IFD="0"><UUID FileName="../../etc/passwd">urn:uuid:other</UUID></TiffData>'
    with pytest.raises(UnsupportedFormatError, match="several files"):
        FORMAT.open([pages(tmp_path / "a.ome.tif", 1, ome(body))])


_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {two} "{f"&{one};" * 10}">' for one, two in zip("abcdefghi", "bcdefghij", strict=True))
    + "]><OME>&j;</OME>"
)


@pytest.mark.parametrize(
    "text",
    [
        _LAUGHS,
        '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY x SYSTEM "file:///etc/passwd">]><OME>&x;</OME>',
        "<OME><Image></OME>",
        "<OME></OME>",
        "<OME><Image/></OME>",
        "<x><Image/></x><OME>",
        ome("", c=10**6, z=10**6, t=10**6),
        ome("", order="XYZZZ"),
        ome("").replace('SizeX="64"', 'SizeX="-1"'),
        ome("").replace('SizeX="64"', 'SizeX="65"'),
        ome('<TiffData IFD="7"/>'),
        ome('<TiffData FirstC="9"/>'),
        ome('<TiffData IFD="0" PlaneCount="99999999"/>' * 5000, z=9),
    ],
    ids=["laughs", "external", "torn", "empty", "no-pixels", "root", "planes", "order", "negative", "size", "page",
         "channel", "many"],
)  # fmt: skip
@pytest.mark.timeout(5)
def test_hostile_xml_is_refused_at_once(tmp_path: Path, text: str) -> None:
    with pytest.raises(DamagedImageError):
        FORMAT.open([pages(tmp_path / "a.ome.tif", 2, text)])


def qptiff(kind: str, more: str = "") -> bytes:
    root = "PerkinElmer-QPI-ImageDescription"
    return (
        f'<?xml version="1.0" encoding="utf-16"?>\r\n<{root}><ImageType>{kind}</ImageType>{more}'
        f"<Objective>40x</Objective></{root}>"
    ).encode()


def test_qptiff_pages_are_channels_at_each_level(tmp_path: Path) -> None:
    array, path = noise((2, 200, 300)), tmp_path / "a.qptiff"
    options: dict[str, Any] = {"tile": (64, 64), "metadata": None, "resolution": (20000, 20000),
                               "resolutionunit": "CENTIMETER"}  # fmt: skip
    names = ("<Name>DAPI</Name><Color>0,0,255</Color>", "<Name>CD8</Name><Color>255,255,0</Color>")
    with tifffile.TiffWriter(path) as file:
        for plane, name in zip(array, names, strict=True):
            file.write(plane, description=qptiff("FullResolution", name), **options)
        file.write(gradients(50, 75), description=qptiff("Thumbnail"), photometric="rgb", metadata=None)
        for plane, name in zip(array, names, strict=True):
            file.write(plane[::2, ::2], description=qptiff("ReducedResolution", name), **options)
        file.write(gradients(60, 40), description=qptiff("Overview"), photometric="rgb", metadata=None)
        file.write(gradients(30, 30), description=qptiff("Label"), photometric="rgb", metadata=None)
    with opened(path) as source:
        info = source.info
        assert info.format == "qptiff"
        assert [plane.name for plane in info.planes] == ["DAPI", "CD8"]
        assert [source.display(plane).colour for plane in range(2)] == [(0, 0, 255), (255, 255, 0)]
        assert [one.name for one in info.associated] == ["thumbnail", "macro", "label"]
        assert info.objective_power == 40
        assert info.spacing_mm == pytest.approx((0.0005, 0.0005))
        for plane in range(2):
            assert np.array_equal(whole_level(source, 1, plane)[..., 0], array[plane, ::2, ::2])
