"""Metadata in the DICOM JSON Model: pydicom is the judge; what is odd or damaged spoils nothing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medtiles.dicom.metadata import bulk_data_of, metadata_of
from tests.conftest import shared_folder
from tests.dicom_files import WHOLE_SLIDE, gradient, header_of, image, item, save
from tests.studies_files import bulky, slice_of
from transcode.dicom.file_header import read_header
from transcode.dicom.streams import MemoryFile
from transcode.files import StableFile

Json = dict[str, Any]
FILLED = ("00080008", "00209311", "00480008", "00480102", "00480105", "52009229")
"""What slides are given where they lack it."""
_OURS = {"00080005", "00083002", "7FE00010", "7FE00008", "7FE00009"}
"""Said otherwise on purpose: JSON is UTF-8, the transfer syntax is of the file, pixels are bulk data."""


def of(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> Json:
    made = metadata_of(header_of(dataset, transfer_syntax))
    json.dumps(made, allow_nan=False)
    return made


def differences(ours: Json, theirs: Json, place: str = "") -> Iterator[str]:
    """Where two data sets differ, bulk data and group lengths aside."""
    for tag in sorted(ours.keys() | theirs.keys()):
        if tag in _OURS or tag.endswith("0000"):
            continue
        one, other = ours.get(tag), theirs.get(tag)
        if one is None or other is None:
            yield f"{place}{tag}: {one} {other}"
        elif one.get("vr") == "SQ":
            items, others = one.get("Value", []), other.get("Value", [])
            if len(items) != len(others):
                yield f"{place}{tag}: {len(items)} and {len(others)} items"
            for index, pair in enumerate(zip(items, others, strict=False)):
                yield from differences(*pair, place=f"{place}{tag}/{index}/")
        elif "BulkDataURI" not in one and _plain(one) != _plain(other):
            yield f"{place}{tag}: {one} {other}"


def _plain(element: Json) -> Json:
    """With null for empty values (PS3.18 F.2.5), where pydicom leaves empty text."""
    if "Value" not in element:
        return element
    values = [None if value == "" else value for value in element["Value"]]
    return {**element, "Value": values} if any(each is not None for each in values) else {"vr": element["vr"]}


def corpus() -> Sequence[Path]:
    folders = [shared_folder() / "radiology", shared_folder() / "dicom-wsi"]
    return sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*.dcm"))


@pytest.mark.corpus
@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_metadata_of_real_files_are_those_of_pydicom(path: Path) -> None:
    file = StableFile(path)
    try:
        ours = metadata_of(read_header(file))
    finally:
        file.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path, stop_before_pixels=True)
        theirs = dataset.to_json_dict(bulk_data_threshold=1 << 40, bulk_data_element_handler=lambda _: "")
    found = list(differences(ours, theirs))
    if dataset.SOPClassUID == WHOLE_SLIDE:
        found = [each for each in found if not each.startswith(FILLED)]
    assert found == []


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_transfer_syntax_does_not_change_the_values(syntax: str) -> None:
    made = slice_of(1, SmallestImagePixelValue=7, PixelAspectRatio=["1", "1"], FrameIncrementPointer=0x00181063)
    made["SmallestImagePixelValue"].VR = "US"
    found = of(made, syntax)
    assert found["00083002"] == {"vr": "UI", "Value": [syntax]}
    assert found["00280106"] == {"vr": "US", "Value": [7]}
    assert found["00280009"] == {"vr": "AT", "Value": ["00181063"]}
    assert found["00200032"] == {"vr": "DS", "Value": [0.0, 0.0, 7.5]}


@pytest.mark.parametrize(
    ("charset", "name", "wanted"),
    [
        ("ISO_IR 100", "Buc^Jérôme", {"Alphabetic": "Buc^Jérôme"}),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
        (
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
        ),
        ("ISO_IR 144", "Люкceмбypг", {"Alphabetic": "Люкceмбypг"}),
    ],
)
def test_names_are_right_in_every_character_set(charset: str | list[str], name: str, wanted: Json) -> None:
    found = of(slice_of(1, SpecificCharacterSet=charset, PatientName=name, OtherPatientNames=[name, ""]))
    assert found["00100010"] == {"vr": "PN", "Value": [wanted]}
    assert found["00101001"] == {"vr": "PN", "Value": [wanted, None]}


def test_numbers_that_json_lacks_are_told_by_name() -> None:
    made = slice_of(1)
    made.add_new(0x00189073, "FD", [float("nan"), float("inf"), float("-inf"), 0.1])
    made.add_new(0x00189998, "UV", 2**60)
    found = of(made)
    assert found["00189073"]["Value"] == ["NaN", "inf", "-inf", 0.1]
    assert found["00189998"]["Value"] == [str(2**60)]


def _with_raw(dataset: Dataset, tag: int, vr: str, value: bytes) -> Dataset:
    """The dataset with bytes that pydicom would refuse to make a value of."""
    dataset._dict[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return dataset


@pytest.mark.parametrize(
    ("tag", "vr", "value", "wanted"),
    [
        (0x00180050, "DS", b"five mm ", {"vr": "DS", "Value": ["five mm"]}),
        (0x00200012, "IS", b"1.5x", {"vr": "IS", "Value": ["1.5x"]}),
        (0x00101010, "AS", b"\xff\xfe", {"vr": "AS", "Value": ["ÿþ"]}),
        (0x00280106, "US", b"\x01\x02\x03\x04\x05\x06", {"vr": "US", "Value": [513, 1027, 1541]}),
    ],
)
def test_a_value_that_is_none_is_text_or_left_out(tag: int, vr: str, value: bytes, wanted: Json) -> None:
    buffer = save(BytesIO(), _with_raw(slice_of(1), tag, vr, value))
    found = metadata_of(read_header(MemoryFile("odd.dcm", buffer.getvalue())))
    json.dumps(found, allow_nan=False)
    assert found.get(f"{tag:08X}") in (wanted, None)
    assert found["00080018"]["Value"] == ["1.2.3.4.1"]


def test_sequences_nest_and_bulk_data_in_them_are_found() -> None:
    header = header_of(bulky())
    found = metadata_of(header)
    uri = found["00480105"]["Value"][1]["00282000"]["BulkDataURI"]
    assert uri == "bulkdata/00480105/2/00282000"
    assert bulk_data_of(header, uri.removeprefix("bulkdata/")) == b"profile of a path "


def test_a_slide_without_optical_paths_is_given_one() -> None:
    found = of(image(gradient(1, 4, 4), SOPClassUID=WHOLE_SLIDE))
    (path,) = found["00480105"]["Value"]
    assert path["00480106"]["Value"] == ["1"]
    assert path["00220016"]["Value"][0]["00080100"]["Value"] == ["111744"]


def test_what_a_slide_says_of_its_optical_paths_stays() -> None:
    paths = [item(OpticalPathIdentifier="red"), item(OpticalPathDescription="blue")]
    found = of(image(gradient(1, 4, 4), SOPClassUID=WHOLE_SLIDE, OpticalPathSequence=paths))
    first, second = found["00480105"]["Value"]
    assert (first["00480106"]["Value"], second["00480106"]["Value"]) == (["red"], ["2"])
    assert second["00480107"]["Value"] == ["blue"]


def _frames(count: int) -> Dataset:
    made = image(gradient(count, 2, 2), SpecificCharacterSet="ISO_IR 192")
    made.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(FrameLabel=f"Bild {number} é", DimensionIndexValues=[number, 2])],
            PlanePositionSequence=[item(ImagePositionPatient=[1.5, -2.0, float(number)])],
            PixelMeasuresSequence=[item(SliceThickness="2.5", PixelSpacing=["0.5", "0.25"])],
            OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="1")],
        )
        for number in range(1, count + 1)
    ]
    return made


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_groups_of_each_frame_are_those_of_pydicom(syntax: str) -> None:
    made = _frames(5)
    found = of(made, syntax)["52009230"]
    theirs = made.to_json_dict()["52009230"]
    assert list(differences({"52009230": found}, {"52009230": theirs})) == []


def test_a_slide_of_many_frames_has_their_groups_once() -> None:
    header = header_of(_frames(1000))
    found = metadata_of(header)["52009230"]["Value"]
    assert len(found) == 1000
    assert found[7]["00289110"] is found[8]["00289110"], "what frames share is one object"
    assert found[999]["00209111"]["Value"][0]["00209157"]["Value"] == [1000, 2]


def test_a_damaged_item_keeps_the_places_of_the_others() -> None:
    buffer = save(BytesIO(), _frames(3)).getvalue()
    at = buffer.index(b"Bild 2") - 2
    damaged = buffer[:at] + b"\xff\x7f" + buffer[at + 2 :]
    found = metadata_of(read_header(MemoryFile("damaged.dcm", damaged)))["52009230"]["Value"]
    assert len(found) == 3
    assert found[1] == {}
    assert found[2]["00209113"]["Value"][0]["00200032"]["Value"] == [1.5, -2.0, 3.0]
