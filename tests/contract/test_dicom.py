"""DICOM sources keep the contract of sources: made files for each kind of grid and stack, real ones beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from pydicom.dataset import Dataset

from medtiles.core.source import Source
from medtiles.sources.dicom_radiology import DicomRadiologyFormat
from medtiles.sources.dicom_wsi import DicomWsiFormat
from tests.contract.source_contract import SourceContract
from tests.dicom_files import JPEG_BASELINE, WHOLE_SLIDE, encapsulated, gradient, image, item, save

SharedData = Callable[[str], Path]
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"


def jpegs(count: int, width: int = 16, height: int = 16) -> list[bytes]:
    frames = gradient(count, height, width, samples=3)
    return [bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(frame), 90, "RGB")) for frame in frames]


def slide(columns: int, rows: int, number: int = 1, **attributes: object) -> Dataset:
    """A slide's instance of JPEG tiles of 16 x 16 pixels."""
    tiles = -(-columns // 16) * -(-rows // 16)
    dataset = image(
        gradient(tiles, 16, 16, samples=3),
        SOPClassUID=WHOLE_SLIDE,
        SOPInstanceUID=f"1.2.3.{number}",
        Modality="SM",
        PhotometricInterpretation="YBR_FULL_422",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        DimensionOrganizationType="TILED_FULL",
        TotalPixelMatrixColumns=columns,
        TotalPixelMatrixRows=rows,
    )
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return encapsulated(dataset, jpegs(tiles))


class TestSlideOfSeveralInstances(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        return DicomWsiFormat().open(
            [
                save(tmp_path / "large.dcm", slide(75, 50, 1), JPEG_BASELINE),
                save(tmp_path / "small.dcm", slide(37, 25, 2), JPEG_BASELINE),
                save(
                    tmp_path / "label.dcm",
                    slide(30, 20, 3, ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"]),
                    JPEG_BASELINE,
                ),
            ]
        )


class TestSparseSlide(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        def at(column: int, row: int, depth: float) -> Dataset:
            position = item(
                ColumnPositionInTotalImagePixelMatrix=column,
                RowPositionInTotalImagePixelMatrix=row,
                ZOffsetInSlideCoordinateSystem=depth,
            )
            return item(PlanePositionSlideSequence=[position])

        dataset = slide(
            75,
            50,
            DimensionOrganizationType="TILED_SPARSE",
            PerFrameFunctionalGroupsSequence=[at(1, 1, 0.0), at(17, 33, 0.0), at(65, 49, 2.0)],
        )
        encapsulated(dataset, jpegs(3))
        return DicomWsiFormat().open([save(tmp_path / "sparse.dcm", dataset, JPEG_BASELINE)])


class TestRawSeries(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        return DicomRadiologyFormat().open(
            [
                save(
                    tmp_path / f"{number}.dcm",
                    image(
                        gradient(1, 20, 30, "i2") + number,
                        SOPInstanceUID=f"1.2.3.{number}",
                        InstanceNumber=number,
                        ImagePositionPatient=[0, 0, -2.5 * number],
                        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                        PixelSpacing=[0.5, 0.25],
                        WindowCenter=40,
                        WindowWidth=400,
                    ),
                )
                for number in range(40)
            ]
        )


class TestJpeg2000MultiFrame(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        frames = gradient(3, 150, 201, "u2")
        streams = [bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k")) for frame in frames]
        dataset = encapsulated(image(frames), streams)
        return DicomRadiologyFormat().open([save(tmp_path / "loop.dcm", dataset, J2K_LOSSLESS)])


class TestSeriesOfSeveralEncodings(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        frames = gradient(1, 150, 201, "u2")
        stream = bytes(imagecodecs.jpeg2k_encode(frames[0], level=0, codecformat="j2k"))
        return DicomRadiologyFormat().open(
            [
                save(tmp_path / "raw.dcm", image(frames, SOPInstanceUID="1.2.9")),
                save(tmp_path / "j2k.dcm", encapsulated(image(frames), [stream]), J2K_LOSSLESS),
            ]
        )


@pytest.mark.corpus
class TestRealSlide(SourceContract):
    @pytest.fixture(
        params=[
            ("CMU-1-Small-Region_volume.dcm", "CMU-1-Small-Region_label.dcm", "CMU-1-Small-Region_thumbnail.dcm"),
            ("fodicom_wsi_3175x2281_short_edge_tiles.dcm",),
            ("libdicom_sm_image.dcm",),
            ("openslide_python_boxes_0.dcm", "openslide_python_boxes_1.dcm"),
        ],
        ids=lambda names: names[0],
    )
    def source(self, request: pytest.FixtureRequest, shared_data: SharedData) -> Source:
        return DicomWsiFormat().open([shared_data(f"dicom-wsi/{name}") for name in request.param])


@pytest.mark.corpus
class TestRealRadiology(SourceContract):
    @pytest.fixture(
        params=[
            "SEG_256x256x96.dcm",
            "CT_SignedCT.dcm",
            "US_palette_10f_JLSL.dcm",
            "MR2_J2KR_1024.dcm",
            "HTJ2KLossless_08_RGB.dcm",
            "SC_1475_RGB_RLE.dcm",
        ]
    )
    def source(self, request: pytest.FixtureRequest, shared_data: SharedData) -> Source:
        return DicomRadiologyFormat().open([shared_data(f"radiology/{request.param}")])
