"""Numbers and UIDs that are read without pydicom's conversion are what its conversion gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from transcode.dicom.attributes import integer, quiet, texts
from transcode.errors import DicomFileError


def holding(keyword: str, vr: str | None, value: bytes, *, is_little_endian: bool) -> Dataset:
    """A data set of one element as a reader leaves it."""
    tag = Tag(keyword)
    made = Dataset()
    made[tag] = RawDataElement(tag, vr, len(value), value, 0, vr is None, is_little_endian)
    return made


def answers(ask: Any, made: Dataset) -> tuple[object, object]:
    """What is said of an element before pydicom has converted it, and afterwards."""

    def said() -> object:
        try:
            return ask(made)
        except DicomFileError as error:
            return str(error)

    before = said()
    for tag in list(made.keys()):
        try:
            with quiet("the element"):
                _ = made[tag].value
        except DicomFileError:
            return before, before
    return before, said()


@given(st.binary(max_size=6), st.sampled_from(["US", None, "SS", "UL"]), st.booleans())
def test_a_number_is_the_one_that_pydicom_gives(value: bytes, vr: str | None, is_little_endian: bool) -> None:
    made = holding("Rows", vr, value, is_little_endian=is_little_endian)
    before, after = answers(lambda each: integer(each, "Rows", 1, 65535), made)
    assert before == after


@given(
    st.one_of(
        st.binary(max_size=8),
        st.text(alphabet="012.9\\ \0a", max_size=70).map(lambda text: text.encode()),
    ),
    st.sampled_from(["UI", None]),
    st.booleans(),
)
def test_a_uid_is_the_one_that_pydicom_gives(value: bytes, vr: str | None, is_little_endian: bool) -> None:
    made = holding("SOPInstanceUID", vr, value, is_little_endian=is_little_endian)
    before, after = answers(lambda each: texts(each, "SOPInstanceUID"), made)
    assert before == after


def test_a_number_of_another_byte_order() -> None:
    assert integer(holding("Rows", "US", b"\x02\x01", is_little_endian=False), "Rows", 1, 65535) == 0x0201
    assert integer(holding("Rows", "US", b"\x02\x01", is_little_endian=True), "Rows", 1, 65535) == 0x0102
