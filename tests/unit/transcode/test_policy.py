"""Which encoding suits which image: the table of the default policy, boundary by boundary, and its exceptions."""

from __future__ import annotations

import tomllib

import pytest

from transcode.choices import Colour, LossySources
from transcode.errors import PolicyError
from transcode.frames import PixelFormat
from transcode.policy import Action, Decision, Facts, Policy
from transcode.policy_file import policy_from

EXPLICIT = "1.2.840.10008.1.2.1"
GREY = PixelFormat(1, 16, 12)
RGB = PixelFormat(3, 8, 8, photometric="RGB")
DEEP_RGB = PixelFormat(3, 16, 12, photometric="RGB")
PALETTE = PixelFormat(1, 8, 8, photometric="PALETTE COLOR")
JPEG, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_SV1 = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
JLS, JLS_NEAR, J2K, J2K_LOSSY = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 81, 90, 91))
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = (f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
RLE = "1.2.840.10008.1.2.5"


def facts(
    pixels: PixelFormat = GREY,
    size: tuple[int, int] = (512, 512),
    syntax: str = EXPLICIT,
    *,
    is_lossy: bool = False,
    bits_allocated: int | None = None,
    modality: str = "CT",
    burned_in: str = "",
) -> Facts:
    allocated = pixels.bits_allocated if bits_allocated is None else bits_allocated
    return Facts(*size, 1, pixels, allocated, syntax, is_lossy, modality=modality, burned_in=burned_in)


def brief(decision: Decision) -> str:
    """A decision in a word or two."""
    return f"{decision.action} {decision.target}".strip()


@pytest.mark.parametrize(
    ("width", "height", "target"),
    [
        (1, 1, "jpegls"),
        (999, 999, "jpegls"),
        (1000, 999, "htj2k-rpcl"),
        (999, 1000, "htj2k-rpcl"),
        (1000, 1000, "htj2k-rpcl"),
        (1001, 10, "htj2k-rpcl"),
        (10, 1001, "htj2k-rpcl"),
        (512, 512, "jpegls"),
        (3000, 4000, "htj2k-rpcl"),
    ],
)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
def test_one_sample_goes_by_size_alone(
    width: int, height: int, target: str, bits: int, signed: bool, photometric: str
) -> None:
    pixels = PixelFormat(1, 8 if bits == 8 else 16, bits, signed, photometric)
    decision = Policy().choose(facts(pixels, (width, height)))
    assert (decision.action, decision.target, decision.is_lossy) == (Action.ENCODE, target, False)


@pytest.mark.parametrize(
    ("syntax", "is_lossy", "expected"),
    [
        (EXPLICIT, False, "encode jpegls"),
        (RLE, False, "encode jpegls"),
        (JPEG_SV1, False, "encode jpegls"),
        (J2K, False, "encode jpegls"),
        (HTJ2K, False, "encode jpegls"),
        (JLS, False, "keep jpegls"),
        (JLS_NEAR, True, "keep"),
        (JPEG, True, "copy"),
        (JPEG_EXTENDED, True, "copy"),
        (J2K_LOSSY, True, "copy"),
        (J2K_LOSSY, False, "encode jpegls"),
        (EXPLICIT, True, "copy"),
    ],
)
def test_small_grey_of_every_syntax(syntax: str, is_lossy: bool, expected: str) -> None:
    assert brief(Policy().choose(facts(syntax=syntax, is_lossy=is_lossy))) == expected


@pytest.mark.parametrize(
    ("syntax", "is_lossy", "expected"),
    [
        (EXPLICIT, False, "encode htj2k-rpcl"),
        (JLS, False, "encode htj2k-rpcl"),
        (HTJ2K, False, "keep htj2k-rpcl"),
        (HTJ2K_RPCL, False, "keep htj2k-rpcl"),
        (HTJ2K_LOSSY, False, "keep htj2k-rpcl"),
        (HTJ2K_LOSSY, True, "keep"),
        (J2K_LOSSY, True, "copy"),
    ],
)
def test_large_grey_of_every_syntax(syntax: str, is_lossy: bool, expected: str) -> None:
    assert brief(Policy().choose(facts(size=(2000, 1500), syntax=syntax, is_lossy=is_lossy))) == expected


@pytest.mark.parametrize(
    ("syntax", "is_lossy", "default", "lossless", "jxl"),
    [
        (EXPLICIT, False, "encode jpeg", "encode htj2k-rpcl", "encode jxl"),
        (RLE, False, "encode jpeg", "encode htj2k-rpcl", "encode jxl"),
        (JLS, False, "encode jpeg", "encode htj2k-rpcl", "encode jxl"),
        (J2K, False, "encode jpeg", "encode htj2k-rpcl", "encode jxl"),
        (HTJ2K_RPCL, False, "encode jpeg", "keep htj2k-rpcl", "encode jxl"),
        (JPEG, True, "keep", "copy", "encode jxl-jpeg"),
        (JPEG_EXTENDED, True, "keep", "copy", "copy"),
        (JPEG_LOSSLESS, False, "keep", "encode htj2k-rpcl", "encode jxl"),
        (JPEG_SV1, False, "keep", "encode htj2k-rpcl", "encode jxl"),
        (JLS_NEAR, True, "copy", "copy", "copy"),
        (J2K_LOSSY, True, "copy", "copy", "copy"),
        (HTJ2K_LOSSY, True, "copy", "keep", "copy"),
    ],
)
def test_colour_of_every_syntax(syntax: str, is_lossy: bool, default: str, lossless: str, jxl: str) -> None:
    found = facts(RGB, syntax=syntax, is_lossy=is_lossy)
    assert brief(Policy().choose(found)) == default
    assert brief(Policy(colour=Colour.LOSSLESS).choose(found)) == lossless
    assert brief(Policy(colour=Colour.JXL).choose(found)) == jxl
    assert brief(Policy(colour=Colour.KEEP).choose(found)) == "copy"


def test_colour_that_becomes_jpeg_is_said_to_lose_and_knows_where_to_turn() -> None:
    decision = Policy().choose(facts(RGB))
    assert decision.is_lossy
    assert (decision.fallback, decision.options.quality) == ("htj2k-rpcl", 95)
    assert "loses" in decision.reason


def test_a_decision_to_lose_something_holds_its_limits_and_no_other_has_any() -> None:
    strict = Policy(min_psnr_db=50, min_ssim=0.99)
    lossy, lossless = strict.choose(facts(RGB)), strict.choose(facts())
    assert (lossy.min_psnr_db, lossy.min_ssim) == (50, 0.99)
    assert (lossless.min_psnr_db, lossless.min_ssim) == (0, 0)


def test_deep_colour_does_not_fit_jpeg_and_is_not_cut() -> None:
    decision = Policy().choose(facts(DEEP_RGB))
    assert (brief(decision), decision.is_lossy) == ("encode htj2k-rpcl", False)


@pytest.mark.parametrize("size", [(999, 999), (1000, 1000)])
def test_size_does_not_matter_to_colour(size: tuple[int, int]) -> None:
    assert brief(Policy().choose(facts(RGB, size))) == "encode jpeg"


@pytest.mark.parametrize(
    ("pixels", "bits_allocated", "rule"),
    [
        (PixelFormat(1, 8, 1), 1, "one-bit"),
        (PixelFormat(1, 32, 32, is_float=True), 32, "float"),
        (PixelFormat(1, 64, 64, is_float=True), 64, "float"),
        (PixelFormat(1, 32, 20), 32, "wide"),
    ],
)
def test_what_no_target_holds_is_copied(pixels: PixelFormat, bits_allocated: int, rule: str) -> None:
    decision = Policy(lossy_sources=LossySources.LOSSLESS).choose(facts(pixels, bits_allocated=bits_allocated))
    assert (decision.action, decision.rule) == (Action.COPY, rule)


@pytest.mark.parametrize(("pixels", "target"), [(GREY, "jpegls"), (RGB, "htj2k-rpcl")])
def test_lossy_sources_may_be_encoded_without_further_loss(pixels: PixelFormat, target: str) -> None:
    policy = Policy(lossy_sources=LossySources.LOSSLESS)
    decision = policy.choose(facts(pixels, syntax=J2K_LOSSY, is_lossy=True))
    assert (decision.action, decision.target, decision.is_lossy) == (Action.ENCODE, target, False)


@pytest.mark.parametrize("target", ["jpeg", "jpegls-near", "j2k-lossy", "htj2k-lossy", "jxl-lossy"])
def test_no_policy_presses_palettes_or_presses_twice(target: str) -> None:
    policy = policy_from({"rule": [{"target": target}]})
    for lossy in LossySources:
        twice = policy_from({"policy": {"lossy_sources": str(lossy)}}, policy)
        assert not twice.choose(facts(PALETTE)).is_lossy
        for syntax in (JPEG, JLS_NEAR, J2K_LOSSY, HTJ2K_LOSSY, EXPLICIT):
            assert not twice.choose(facts(RGB, syntax=syntax, is_lossy=True)).is_lossy
            assert not twice.choose(facts(GREY, syntax=syntax, is_lossy=True)).is_lossy


RULES = """
[policy]
large_side = 700
colour = "lossless"
quality = 90

[[rule]]
name = "mammography for reading"
modality = "MG"
target = "htj2k"

[[rule]]
name = "burned-in text stays sharp"
burned_in = "yes"
colour = true
target = "keep"

[[rule]]
target = "jpegls-near"
modality = ["NM", "PT"]
max_bits = 12
near = 1
"""


def test_rules_come_first_and_in_order() -> None:
    policy = policy_from(tomllib.loads(RULES))
    assert brief(policy.choose(facts(size=(512, 512), modality="MG"))) == "encode htj2k"
    assert policy.choose(facts(modality="MG")).rule == "mammography for reading"
    assert brief(policy.choose(facts(RGB, burned_in="YES"))) == "copy"
    assert brief(policy.choose(facts(RGB, burned_in="YES", syntax=RLE))) == "keep"
    near = policy.choose(facts(modality="PT"))
    assert (brief(near), near.options.near, near.is_lossy, near.fallback) == (
        "encode jpegls-near",
        1,
        True,
        "htj2k-rpcl",
    )
    assert brief(policy.choose(facts(PixelFormat(1, 16, 16), modality="PT"))) == "encode jpegls"
    assert brief(policy.choose(facts(size=(700, 1)))) == "encode htj2k-rpcl"
    assert brief(policy.choose(facts(RGB))) == "encode htj2k-rpcl"


def test_every_decision_says_which_rule_and_why() -> None:
    policy = policy_from(tomllib.loads(RULES))
    for pixels in (GREY, RGB, PALETTE, DEEP_RGB, PixelFormat(1, 8, 1)):
        for syntax in (EXPLICIT, JPEG, JLS, J2K, HTJ2K, RLE):
            decision = policy.choose(facts(pixels, syntax=syntax))
            assert decision.rule
            assert decision.reason


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[polities]", "polities"),
        ("[policy]\nlarge = 1", "large"),
        ("[policy]\nlarge_side = 0", "large_side"),
        ("[policy]\nlarge_side = true", "large_side"),
        ('[policy]\nlarge_side = "big"', "large_side"),
        ("[policy]\nquality = 101", "quality"),
        ("[policy]\nnear = 0", "near"),
        ("[policy]\nmin_ssim = 2", "min_ssim"),
        ("[policy]\nmin_psnr_db = -1", "min_psnr_db"),
        ('[policy]\ncolour = "blue"', "blue"),
        ('[policy]\nlossy_sources = "press"', "press"),
        ('[policy]\nlossless_colour = "jpeg"', "lossless_colour"),
        ('[[rule]]\nmodality = "CT"', "target"),
        ('[[rule]]\ntarget = "copy"\nmodalty = "CT"', "modalty"),
        ("policy = 3", "[policy]"),
        ("rule = 3", "[[rule]]"),
        ("rule = [3]", "[[rule]] 1"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(PolicyError, match=None) as caught:
        policy_from(tomllib.loads(text))
    assert named in str(caught.value)
