"""Slides of other formats as if they were DICOM: searched, described, and their tiles handed out as frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pydicom
import pytest

from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.frames import FrameRequest
from medtiles.core.geometry import Size
from medtiles.core.no_frames import NoFrames
from medtiles.core.pyramid import ImageInfo, Level
from medtiles.core.studies import Instance, QueryScope, Scope, StudyQuery
from medtiles.virtual import FullTiles, Offered, SlideFrames, WithSlides
from tests.no_studies import NoStudies
from tests.unit.virtual.slides import INFO, PROFILE, FakeImages, jpeg, of_planes, samples
from transcode.codecs import builtin
from transcode.errors import CorruptFrameError, FileChangedError, UnsupportedEncodingError
from transcode.frames import PixelFormat

JPEG, EXPLICIT, RPCL = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.202"
STUDIES, SERIES, INSTANCES = QueryScope.STUDIES, QueryScope.SERIES, QueryScope.INSTANCES


@dataclass
class Served:
    images: FakeImages
    studies: WithSlides
    frames: SlideFrames

    @property
    def instances(self) -> tuple[Instance, ...]:
        return self.studies.instances(Scope())


def serve(**infos: ImageInfo) -> Served:
    images, tiles = FakeImages(**infos), FullTiles(builtin())
    offered = Offered(images, tiles)
    return Served(images, WithSlides(NoStudies(), offered), SlideFrames(NoFrames(), images, offered, tiles))


@pytest.fixture
def served() -> Iterator[Served]:
    made = serve(slide=INFO)
    yield made
    made.frames.close()


def dataset(served: Served, instance: Instance) -> pydicom.Dataset:
    found: Any = served.studies.metadata(instance)
    json.dumps(found, allow_nan=False)
    return pydicom.Dataset.from_json(found, lambda _, vr, uri: uri.encode())


def test_each_level_is_an_instance_of_one_series(served: Served) -> None:
    first, second = served.instances
    assert (first.study, first.series) == (second.study, second.series)
    assert first.uid != second.uid
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in (first.study, first.series, first.uid))
    assert (first.frames, first.rows, first.columns, first.transfer_syntax) == (6, 64, 64, JPEG)
    assert (second.frames, second.number, second.image) == (2, 2, "slide")


def test_uids_are_the_same_in_every_process() -> None:
    assert serve(slide=INFO).instances == serve(slide=replace(INFO, name="renamed")).instances
    assert serve(other=INFO).instances[0].study != serve(slide=INFO).instances[0].study


def test_metadata_are_those_of_a_whole_slide(served: Served) -> None:
    first, second = (dataset(served, each) for each in served.instances)
    assert first.SOPClassUID == "1.2.840.10008.5.1.4.1.1.77.1.6"
    assert (first.TotalPixelMatrixColumns, first.TotalPixelMatrixRows, first.NumberOfFrames) == (170, 100, 6)
    assert first.ImageType == ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    assert second.ImageType == ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
    assert first.DimensionOrganizationType == "TILED_FULL"
    assert first.ContainerIdentifier == second.ContainerIdentifier
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID
    measures = [each.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0] for each in (first, second)]
    assert [list(each.PixelSpacing) for each in measures] == [[0.00025, 0.0005], [0.0005, 0.001]]
    assert first.ImagedVolumeWidth == pytest.approx(second.ImagedVolumeWidth) == pytest.approx(0.085)
    path = first.OpticalPathSequence[0]
    assert path.OpticalPathIdentifier == "1"
    assert path.IlluminationTypeCodeSequence[0].CodeValue == "111744"
    assert first.PhotometricInterpretation == jpeg(samples()).format.photometric


def test_a_spacing_that_is_not_known_is_not_made_up() -> None:
    made = serve(slide=replace(INFO, spacing_mm=None))
    assert "PixelMeasuresSequence" not in dataset(made, made.instances[0]).SharedFunctionalGroupsSequence[0]


def test_the_profile_of_the_colours_is_bulk_data(served: Served) -> None:
    (_, instance) = served.instances
    address = dataset(served, instance).OpticalPathSequence[0].ICCProfile.decode()
    assert served.studies.bulk_data(instance, address.removeprefix("bulkdata/")) == PROFILE
    with pytest.raises(ImageNotFoundError):
        served.studies.bulk_data(instance, "7FE00010")
    with pytest.raises(ImageNotFoundError, match="no DICOM file"):
        served.studies.file(instance)


def test_a_full_tile_goes_out_as_it_is_stored(served: Served) -> None:
    request = FrameRequest(served.instances[0], 1)
    made = served.frames.answer(request)
    assert made is not None
    assert (made.transfer_syntax, made.is_stored) == (JPEG, True)
    assert made.frame.data == jpeg(samples()).data
    assert served.frames.frame(request).etag == made.etag == serve(slide=INFO).frames.frame(request).etag


@pytest.mark.parametrize(("number", "width", "height"), [(5, 64, 64), (6, 42, 36)])
def test_holes_and_short_tiles_are_made_full(served: Served, number: int, width: int, height: int) -> None:
    request = FrameRequest(served.instances[0], number)
    assert served.frames.answer(request) is None
    made = served.frames.submit(request).result()
    assert (made.transfer_syntax, made.is_stored, made.frame.width, made.frame.height) == (JPEG, False, 64, 64)
    shown = served.frames.samples(request).samples.astype(int)
    wanted = samples(width, height).samples.astype(int)
    assert np.abs(shown[:height, :width] - wanted)[: height - 8, : width - 8].max() < 12
    assert (shown[height + 8 :] > 245).all()


def test_other_transfer_syntaxes_are_made_when_they_are_asked_for(served: Served) -> None:
    instance = served.instances[0]
    plain = served.frames.frame(FrameRequest(instance, 1, (EXPLICIT,)))
    assert (plain.transfer_syntax, len(plain.frame.data)) == (EXPLICIT, 64 * 64 * 3)
    waves = served.frames.frame(FrameRequest(instance, 1, (RPCL,)))
    assert (waves.transfer_syntax, bool(waves.resolutions)) == (RPCL, True)
    with pytest.raises(UnsupportedEncodingError):
        served.frames.frame(FrameRequest(instance, 1, ("1.2.3",)))
    assert served.frames.samples(FrameRequest(instance, 1), 2).samples.shape == (16, 16, 3)
    with pytest.raises(BadRequestError):
        served.frames.samples(FrameRequest(instance, 1), 99)


@pytest.mark.parametrize("number", [0, -1, 7, 2**40])
def test_there_are_no_other_frames(served: Served, number: int) -> None:
    with pytest.raises(TileOutOfRangeError):
        served.frames.answer(FrameRequest(served.instances[0], number))


def test_a_slide_that_was_replaced_is_told(served: Served) -> None:
    old = served.instances[0]
    served.images.infos["slide"] = replace(INFO, version="v2")
    with pytest.raises(FileChangedError):
        served.studies.metadata(old)
    with pytest.raises(FileChangedError):
        served.frames.frame(FrameRequest(old, 1))
    assert served.instances[0].uid == old.uid
    assert served.frames.frame(FrameRequest(served.instances[0], 1)).is_stored


def test_what_is_not_ours_is_asked_of_the_files(served: Served) -> None:
    other = replace(served.instances[0], study="1.2.3")
    for ask in (served.studies.metadata, served.studies.file, lambda each: served.studies.bulk_data(each, "00282000")):
        with pytest.raises(ImageNotFoundError):
            ask(other)
    with pytest.raises(ImageNotFoundError):
        served.frames.frame(FrameRequest(other, 1))
    for scope in (Scope("2.25.1"), Scope(other.study), Scope(served.instances[0].study, "2.25.1")):
        with pytest.raises(ImageNotFoundError):
            served.studies.instances(scope)


@pytest.mark.parametrize(
    "info",
    [
        of_planes(3),
        replace(INFO, pixels=PixelFormat(1, 16, 16)),
        replace(INFO, pixels=PixelFormat(1, 8, 8, signed=True)),
        replace(INFO, pixels=PixelFormat(4, 8, 8, photometric="RGBA")),
    ],
)
def test_what_is_no_plain_picture_is_not_offered(info: ImageInfo) -> None:
    made = serve(slide=info)
    assert made.studies.search(StudyQuery(STUDIES)).total == 0


def test_slides_of_absurdly_large_tiles_are_not_offered() -> None:
    huge = Level(Size(200_000, 200_000), Size(200_000, 200_000))
    assert serve(slide=replace(INFO, levels=(huge,))).studies.search(StudyQuery(STUDIES)).total == 0


def test_a_tile_that_is_cut_is_an_error_and_no_picture(served: Served) -> None:
    instance = served.instances[0]
    served.images.is_damaged = True
    for ask in (served.frames.answer, served.frames.frame, lambda each: served.frames.submit(each).result()):
        with pytest.raises(CorruptFrameError):
            ask(FrameRequest(instance, 2))


def test_dicom_slides_are_offered_by_their_files_alone(served: Served) -> None:
    served.images.format = "dicom-wsi"
    assert served.studies.search(StudyQuery(STUDIES)).found == ()


@pytest.mark.parametrize(
    ("level", "matches", "count"),
    [
        (STUDIES, (), 2),
        (SERIES, (("Modality", "SM"),), 2),
        (SERIES, (("Modality", "CT"),), 0),
        (STUDIES, (("ModalitiesInStudy", "SM"), ("StudyDescription", "other*")), 1),
        (STUDIES, (("NumberOfStudyRelatedInstances", "2"),), 2),
        (STUDIES, (("TotalPixelMatrixColumns", "85"),), 2),
        (INSTANCES, (("TotalPixelMatrixColumns", "85"),), 2),
        (INSTANCES, (), 4),
        (STUDIES, (("PatientName", "*"),), 2),
        (STUDIES, (("PatientName", "doe"),), 0),
        (STUDIES, (("StudyDate", "20240101-"),), 0),
    ],
)
def test_searches_find_virtual_slides(level: QueryScope, matches: tuple[tuple[str, str], ...], count: int) -> None:
    made = serve(slide=INFO, other=replace(INFO, name="other.svs"))
    page = made.studies.search(StudyQuery(level, matches=matches))
    assert (page.total, len(page.found), page.is_scanning) == (count, count, False)


def test_a_match_tells_what_the_tables_want(served: Served) -> None:
    instance = served.instances[1]
    within = Scope(instance.study, instance.series)
    (found,) = served.studies.search(StudyQuery(SERIES, Scope(instance.study))).found
    assert found["00080060"]["Value"] == ["SM"]
    assert found["00201209"]["Value"] == [2]
    assert "00100010" not in found
    last = served.studies.search(StudyQuery(INSTANCES, within, offset=1, limit=1)).found
    address = f"studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"
    assert [each["00081190"]["Value"] for each in last] == [[address]]
    assert last[0]["00083002"]["Value"] == [JPEG]
    assert "00480006" not in last[0]
    more = served.studies.search(StudyQuery(INSTANCES, within, fields=("00480006",))).found
    assert [each["00480006"]["Value"] for each in more] == [[170], [85]]


def test_more_may_be_found_while_images_are_looked_for(served: Served) -> None:
    served.images.is_scanning = True
    assert served.studies.search(StudyQuery(STUDIES)).is_scanning


def test_a_slide_that_cannot_be_opened_is_left_out_and_disturbs_no_other(served: Served) -> None:
    served.images.infos["gone"] = INFO
    served.images.broken.add("gone")
    page = served.studies.search(StudyQuery(STUDIES))
    assert (page.total, page.is_scanning) == (1, False)


def test_a_slide_that_is_known_is_not_opened_for_each_search(served: Served) -> None:
    for _ in range(5):
        assert served.studies.search(StudyQuery(STUDIES)).total == 1
    assert served.images.opened == 1
