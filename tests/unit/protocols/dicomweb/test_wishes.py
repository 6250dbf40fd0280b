"""From Accept to transfer syntaxes, and to what the answer is called: a table of what clients write."""

from __future__ import annotations

import pytest

from medtiles.core.frames import AS_STORED
from medtiles.protocols.http.dicomweb.accept import read_accept
from medtiles.protocols.http.dicomweb.syntaxes import EXPLICIT, FAMILIES, LOSSLESS, NAMES, media_type_of
from medtiles.protocols.http.dicomweb.wishes import Ask, Label, Wishes, wishes_of

SYNTAX = "1.2.840.10008.1.2.4."
J2K, LS, HT, RPCL, JPEG = (f"{SYNTAX}{number}" for number in (90, 80, 201, 202, 50))
MULTI = "multipart/related; type="


def wishes(accept: str, stored: str = LS, only: tuple[str, ...] = (), parameter: str | None = None) -> Wishes:
    return wishes_of(read_accept(accept, parameter), stored, only)


FIRST_ASKS = {
    # what Cornerstone3D, dicom-microscopy-viewer and dicomweb-client write
    f"{MULTI}application/octet-stream; transfer-syntax=*": (AS_STORED,),
    f'{MULTI}"application/octet-stream"; transfer-syntax=*': (AS_STORED,),
    f'{MULTI}"application/octet-stream"; transfer-syntax="*"': (AS_STORED,),
    f'MULTIPART/RELATED;TYPE="application/octet-stream";TRANSFER-SYNTAX={J2K}': (J2K,),
    f'{MULTI}"application/octet-stream"': (EXPLICIT,),
    f'{MULTI}"image/jls"; transfer-syntax={LS}': (LS,),
    f"{MULTI}image/jls": FAMILIES["image/jls"],
    f"{MULTI}image/x-jls": FAMILIES["image/jls"],
    "image/jphc": (RPCL, HT, f"{SYNTAX}203"),
    "image/jph": (RPCL, HT, f"{SYNTAX}203"),
    "image/jp2": (J2K, f"{SYNTAX}91"),
    "image/j2c": (J2K, f"{SYNTAX}91"),
    "image/jpx": FAMILIES["image/jpx"],
    "image/jpeg": FAMILIES["image/jpeg"],
    f"image/jpeg; transfer-syntax={JPEG}": (JPEG,),
    "image/jxl": tuple(f"{SYNTAX}{number}" for number in (110, 111, 112)),
    "image/x-dicom-rle": ("1.2.840.10008.1.2.5",),
    "application/x-deflate": ("1.2.840.10008.1.2.8.1",),
    "application/octet-stream": (EXPLICIT,),
    "application/octet-stream; transfer-syntax=*": (AS_STORED,),
    "application/octet-stream; transfer-syntax=1.2.840.10008.1.2": ("1.2.840.10008.1.2",),
    "*/*": (EXPLICIT,),
    "": (EXPLICIT,),
    "multipart/related": (EXPLICIT,),
    "*/*; transfer-syntax=*": (AS_STORED,),
    "image/*": LOSSLESS,
    f"{MULTI}image/jls, {MULTI}image/jphc": (*FAMILIES["image/jls"], *FAMILIES["image/jphc"]),
    f"{MULTI}image/jls; q=0.5, {MULTI}image/jphc": FAMILIES["image/jphc"],
    f"image/jls; transfer-syntax={LS}, application/octet-stream; q=0.1": (LS,),
}


@pytest.mark.parametrize(("accept", "expected"), FIRST_ASKS.items())
def test_what_is_asked_for_first(accept: str, expected: tuple[str, ...]) -> None:
    assert wishes(accept).asks()[0].accept == expected


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom+json",
        "video/mp4",
        "text/html",
        f"image/jls; transfer-syntax={J2K}",
        "image/jls; q=0",
        "application/octet-stream; q=0, */*; q=0",
        "image/gif, image/svg+xml",
    ],
)
def test_nothing_is_asked_for_that_no_frame_can_be(accept: str) -> None:
    assert wishes(accept).asks() == ()


def test_lower_qualities_are_asked_for_later() -> None:
    asks = wishes(f"{MULTI}image/jls; q=0.5, {MULTI}image/jp2, */*; q=0.1").asks()
    assert asks == (Ask(FAMILIES["image/jp2"]), Ask(FAMILIES["image/jls"]), Ask((EXPLICIT,)), Ask((AS_STORED,)))


def test_the_parameter_wins_over_the_header() -> None:
    assert wishes("*/*", parameter="image/jphc").asks()[0].accept[0] == RPCL
    assert wishes("application/dicom+json", parameter="image/jls").label(LS) == Label(
        f"image/jls; transfer-syntax={LS}", is_multipart=False
    )


def test_several_that_are_liked_alike_leave_the_choice_to_the_server() -> None:
    assert wishes(f"{MULTI}image/jls, {MULTI}image/jphc").asks()[0].leaves_choice
    assert wishes("image/*").asks()[0].leaves_choice
    assert not wishes("image/jphc").asks()[0].leaves_choice


LABELS = [
    # accept, the transfer syntax that was had, what the part is called, whether there are parts
    (f"{MULTI}application/octet-stream; transfer-syntax=*", LS, "application/octet-stream", True),
    (f'{MULTI}"image/jls"', LS, "image/jls", True),
    (f"{MULTI}image/x-jls", LS, "image/x-jls", True),
    ("image/jls", LS, "image/jls", False),
    ("image/jph", RPCL, "image/jph", False),
    ("application/octet-stream; transfer-syntax=*", RPCL, "application/octet-stream", False),
    ("application/octet-stream", EXPLICIT, "application/octet-stream", False),
    ("*/*", EXPLICIT, "application/octet-stream", True),
    ("*/*", RPCL, "image/jphc", True),
    ("multipart/related", LS, "image/jls", True),
    ("image/*", J2K, "image/jp2", False),
    (f"{MULTI}application/octet-stream; transfer-syntax=*; q=0.2, {MULTI}image/jls", LS, "image/jls", True),
    (
        f"{MULTI}application/octet-stream; transfer-syntax=*; q=0.2, {MULTI}image/jls",
        J2K,
        "application/octet-stream",
        True,
    ),
]


@pytest.mark.parametrize(("accept", "uid", "name", "is_multipart"), LABELS)
def test_what_the_answer_is_called(accept: str, uid: str, name: str, is_multipart: bool) -> None:
    assert wishes(accept).label(uid) == Label(f"{name}; transfer-syntax={uid}", is_multipart)


@pytest.mark.parametrize(
    ("accept", "uid"),
    [("image/jls", RPCL), ("application/octet-stream", LS), ("image/jls, image/jxl; q=0", f"{SYNTAX}110"), ("", "")],
)
def test_what_the_client_did_not_ask_for_is_not_called_anything(accept: str, uid: str) -> None:
    if uid:
        assert wishes(accept).label(uid) is None


def test_a_quality_of_zero_keeps_a_name_out_though_a_wildcard_lets_it_in() -> None:
    chosen = wishes("*/*; transfer-syntax=*, multipart/related; type=image/jls; q=0")
    assert chosen.label(LS) is None
    assert chosen.label(RPCL) is not None


def test_several_frames_are_parts_or_nothing() -> None:
    assert wishes("image/jls").label(LS, frames=2) is None
    assert wishes(f"image/jls, {MULTI}image/jls; q=0.5").label(LS, frames=2) == Label(
        f"image/jls; transfer-syntax={LS}", is_multipart=True
    )


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f"{MULTI}application/octet-stream; transfer-syntax=*", (RPCL,)),
        ("*/*", (RPCL,)),
        ("image/jphc", (RPCL,)),
        ("image/*", (RPCL,)),
        ("application/octet-stream", (RPCL,)),
        (f"{MULTI}application/octet-stream; transfer-syntax={RPCL}", (RPCL,)),
    ],
)
def test_an_address_that_names_a_syntax_is_only_that(accept: str, expected: tuple[str, ...]) -> None:
    asks = wishes(accept, only=(RPCL,)).asks()
    assert [ask.accept for ask in asks] == [expected]
    assert wishes(accept, only=(RPCL,)).label(RPCL) is not None


@pytest.mark.parametrize("accept", ["image/jls", f"application/octet-stream; transfer-syntax={LS}"])
def test_an_address_that_names_a_syntax_is_nothing_else(accept: str) -> None:
    assert wishes(accept, only=(RPCL,)).asks() == ()


def test_a_refusal_names_what_there_is() -> None:
    said = wishes("video/mp4").refusal()
    assert f"image/jls; transfer-syntax={LS}" in said
    assert EXPLICIT in said
    assert LS not in wishes("image/jls", stored=J2K, only=(RPCL,)).refusal()


def test_a_kilobyte_of_accept_is_read_and_absurd_ones_ask_little() -> None:
    long = ", ".join(f"image/jls; q=0.{number}" for number in range(100, 160))
    assert len(long) > 1024
    assert len(wishes(long).asks()) <= 8


def test_every_transfer_syntax_has_the_name_of_the_standard() -> None:
    expected = {f"{SYNTAX}70": "image/jpeg", LS: "image/jls", J2K: "image/jp2", f"{SYNTAX}92": "image/jpx"}
    expected |= {RPCL: "image/jphc", f"{SYNTAX}110": "image/jxl", "1.2.840.10008.1.2.5": "image/dicom-rle"}
    assert {uid: media_type_of(uid) for uid in expected} == expected
    assert media_type_of("1.2.3") == "application/octet-stream"
    assert all(uid in FAMILIES[name] for uid, names in NAMES.items() for name in names)
