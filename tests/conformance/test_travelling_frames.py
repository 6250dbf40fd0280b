"""Frames of real DICOM files, as stored and in what loses nothing: the samples are those that pydicom decodes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from medtiles.core.frames import AS_STORED, FrameRequest
from medtiles.engine.frames import FrameEngine, FrameOptions
from tests.conformance.test_dicom_frames import NOT_BY_PYDICOM, PYDICOM_FILES, ROUNDED, SHARED, bundled, reference
from tests.conftest import shared_folder
from tests.instances import EXPLICIT, JPEG_LS, RPCL, Files
from transcode.codecs import builtin
from transcode.colour import to_rgb
from transcode.dicom.reader import InstanceReader
from transcode.errors import CorruptFrameError, UnsupportedEncodingError
from transcode.files import StableFile
from transcode.frames import PixelArray

pytestmark = [pytest.mark.corpus, pytest.mark.slow]

RLE = "1.2.840.10008.1.2.5"
PATHS = [*(shared_folder() / each for each in SHARED), *map(bundled, PYDICOM_FILES)]
SHORT_AT_THE_EDGE = {"fodicom_wsi_3175x2281_short_edge_tiles.dcm"}
"""Whose last frames are smaller than their header says: they are refused."""
CODECS = builtin()


def require_same(pixels: PixelArray, path: Path, index: int) -> None:
    ours, theirs = to_rgb(pixels).samples, reference(path, index)
    assert ours.shape == theirs.shape
    off = np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max()
    assert off <= (1 if path.name in ROUNDED else 0)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_frames_that_travel_are_those_that_pydicom_decodes(path: Path, tmp_path: Path) -> None:
    if path.name in NOT_BY_PYDICOM:
        pytest.skip(f"not applicable: pydicom does not decode {NOT_BY_PYDICOM[path.name]}")
    files = Files([path])
    (instance,) = files.found.values()
    engine = FrameEngine(files, CODECS, FrameOptions(cache=tmp_path, threads=1))
    try:
        last = 1 if path.name in SHORT_AT_THE_EDGE else instance.frames
        for number in sorted({1, min(2, last), last}):
            for accept in (AS_STORED, EXPLICIT, JPEG_LS, RPCL, RLE):
                try:
                    travel = engine.frame(FrameRequest(instance, number, (accept,)))
                except UnsupportedEncodingError:
                    assert accept not in {AS_STORED, EXPLICIT}
                    continue
                require_same(CODECS.decode(travel.frame), path, number - 1)
            require_same(engine.samples(FrameRequest(instance, number)), path, number - 1)
        if path.name in SHORT_AT_THE_EDGE:
            with pytest.raises(CorruptFrameError, match="55 x 121"):
                engine.frame(FrameRequest(instance, instance.frames))
    finally:
        engine.close()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_frame_that_lies_in_one_piece_is_found_there(path: Path) -> None:
    with closing(StableFile(path)) as file:
        reader = InstanceReader(file)
        held = reader.frames_held()
        for index in sorted({0, held // 2, held - 1}):
            data = reader.read_frame(index).data
            place = reader.place(index)
            if place is not None:
                assert 0 <= place.length - len(data) <= 1
                assert reader.read_place(place.offset, len(data)) == data
