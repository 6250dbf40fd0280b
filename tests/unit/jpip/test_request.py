"""Fields of requests, as real clients write them, and as they must not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.jpip.errors import FieldError, UnsupportedFieldError
from medtiles.jpip.fields import Range
from medtiles.jpip.request import FrameSize, JpipRequest, MetadataBoxes, StreamType, read_request


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (
            "target=x.jp2&fsiz=475,350&cnew=http&type=jpp-stream",
            JpipRequest(target="x.jp2", fsiz=FrameSize(475, 350), cnew=("http",), type=(StreamType("jpp-stream"),)),
        ),
        (
            "len=40000000&metareq=[*]!!&type=jpp-stream&cnew=http&tid=0",
            JpipRequest(
                len=40_000_000,
                metareq=(MetadataBoxes(("*",)),),
                is_metadata_only=True,
                type=(StreamType("jpp-stream"),),
                cnew=("http",),
                tid="0",
            ),
        ),
        (
            "cid=7&wait=yes&fsiz=640,480,closest&rsiz=64,32&roff=0,8&layers=2&len=2000&stream=0-4:2,7-",
            JpipRequest(
                cid="7",
                wait=True,
                fsiz=FrameSize(640, 480, "closest"),
                rsiz=(64, 32),
                roff=(0, 8),
                layers=2,
                len=2000,
                stream=(Range(0, 4, 2), Range(7, None)),
            ),
        ),
        (
            "type=image/jpp-stream;ptype=ext,jpt-stream&context=jpxl%3C0-9%3E&later=1&target=a%26b",
            JpipRequest(
                type=(StreamType("jpp-stream", is_extended=True), StreamType("jpt-stream")),
                context=("jpxl<0-9>",),
                target="a&b",
                ignored=("later",),
            ),
        ),
        (
            "metareq=[jp2h:64/w;xml_!]R0D2,[uuid]",
            JpipRequest(metareq=(MetadataBoxes(("jp2h", "xml "), 0, 2), MetadataBoxes(("uuid",)))),
        ),
        ("", JpipRequest()),
    ],
)
def test_requests_of_real_clients_are_understood(query: str, wanted: JpipRequest) -> None:
    assert read_request(query) == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("fsiz=1", "fsiz"),
        ("fsiz=0,4", "fsiz"),
        ("fsiz=4,4,nearest", "fsiz"),
        ("fsiz=4294967296,1", "fsiz"),
        ("fsiz=-1,4", "fsiz"),
        ("rsiz=4,4", "rsiz"),
        ("fsiz=8,8&roff=1", "roff"),
        ("comps=3-1", "comps"),
        ("comps=,", "comps"),
        ("stream=0-4:0", "stream"),
        ("len=ten", "len"),
        ("len=%D9%A3", "len"),
        ("quality=101", "quality"),
        ("wait=maybe", "wait"),
        ("subtarget=0-9", "subtarget"),
        ("target=a&subtarget=3", "subtarget"),
        ("metareq=jp2h", "metareq"),
        ("metareq=[toolong]", "metareq"),
        ("srate=nan", "srate"),
        ("layers=1&layers=2", "layers"),
        ("target=", "target"),
        ("comps=" + ",".join("1" * 5000), "comps"),
        ("type=;ptype=ext", "type"),
    ],
)
def test_a_malformed_field_is_named(query: str, field: str) -> None:
    with pytest.raises(FieldError, match=f"^{field}: "):
        read_request(query)


def test_a_preference_that_must_be_met_is_refused() -> None:
    assert read_request("pref=color:enum").pref == ("color:enum",)
    with pytest.raises(UnsupportedFieldError, match="pref: color/r is required"):
        read_request("pref=color/r")


def is_read_or_refused(query: str) -> bool:
    try:
        read_request(query)
    except (FieldError, UnsupportedFieldError) as error:
        return bool(str(error))
    return True


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert is_read_or_refused(text)


NAMES = ("fsiz", "roff", "comps", "stream", "metareq", "type", "subtarget", "len", "srate", "cnew", "pref", "model")


@given(st.sampled_from(NAMES), st.text(alphabet="0123456789,-:;[]!*RD/=%.", max_size=30))
def test_any_value_of_a_field_is_read_or_refused(name: str, value: str) -> None:
    assert is_read_or_refused(f"target=a&{name}={value}")
