"""Which encoding suits which image. Pure: no IO.

The order of questions: can any encoding of an archive hold it; does a rule of the policy name it; has it lost something
already; is it colour or grey; how large is it. The first answer holds, and says in words why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from transcode.choices import Colour, LossySources
from transcode.errors import PolicyError
from transcode.frames import PixelFormat
from transcode.targets import ArchiveOptions

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
"""Transfer syntaxes of ITU-T T.81: baseline, extended, lossless."""

SMALL_GREY = "jpegls"
LARGE_GREY = "htj2k-rpcl"
LOSSLESS_COLOUR = "htj2k-rpcl"
_FAMILIES = {
    "jpegls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "htj2k": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)),
    "j2k": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "jxl": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)),
    "jpeg": ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"),
    "rle": ("1.2.840.10008.1.2.5",),
}
"""Transfer syntaxes whose frames are in the encoding that targets of this name, or beginning with it, write."""
LOSSY_TARGETS = frozenset({"jpeg", "jpeg-extended", "jpegls-near", "j2k-lossy", "jxl-lossy", "htj2k-lossy"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image before a frame of it is decoded."""

    width: int
    height: int
    frames: int
    pixels: PixelFormat
    bits_allocated: int
    """As stored: 1 where samples are packed eight to a byte, which `pixels` cannot say."""
    transfer_syntax: str
    is_lossy: bool
    """Whether something has been lost already: (0028,2110), or what the first codestream says."""
    modality: str = ""
    sop_class: str = ""
    """UID."""
    burned_in: str = ""
    """Burned In Annotation (0028,0301): YES, NO or empty."""
    has_embedded_overlay: bool = False
    """Whether unused bits of its samples carry an overlay (PS3.5 8.1.2)."""


class Action(StrEnum):
    """What is done to an instance."""

    ENCODE = "encode"
    """Decode its frames and encode them for a target."""
    KEEP = "keep"
    """Copy its codestreams, bit for bit, into the new file; encode where the target wants more than they are."""
    COPY = "copy"
    """Copy the file unchanged."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy chose, and why."""

    action: Action
    rule: str
    """Which rule chose."""
    reason: str
    """For people."""
    target: str = ""
    """Name of a target; empty for COPY, and for KEEP in the transfer syntax that the source has."""
    options: ArchiveOptions = ArchiveOptions()
    is_lossy: bool = False
    """Whether this step itself loses something."""
    fallback: str = ""
    """Lossless target of an image whose frames miss the limits of quality."""
    min_psnr_db: float = 0.0
    """Of a lossy step, for each frame; what misses it takes the fallback."""
    min_ssim: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """An exception: images that all of its conditions name, and what becomes of them. An empty condition names all."""

    name: str
    target: str
    """A target's name, `copy`, or `keep`."""
    modality: tuple[str, ...] = ()
    sop_class: tuple[str, ...] = ()
    photometric: tuple[str, ...] = ()
    transfer_syntax: tuple[str, ...] = ()
    burned_in: tuple[str, ...] = ()
    colour: bool | None = None
    min_bits: int = 0
    max_bits: int = 64
    """Of Bits Stored, both ends included."""
    min_side: int = 0
    max_side: int = 1 << 32
    """Of the longer side, in pixels, both ends included."""
    quality: int | None = None
    near: int | None = None

    def names(self, facts: Facts) -> bool:
        """Whether it is about such an image."""
        pixels = facts.pixels
        listed = (
            (self.modality, facts.modality),
            (self.sop_class, facts.sop_class),
            (self.photometric, pixels.photometric),
            (self.transfer_syntax, facts.transfer_syntax),
            (self.burned_in, facts.burned_in),
        )
        return (
            all(not wanted or found in wanted for wanted, found in listed)
            and self.colour in {None, pixels.is_colour}
            and self.min_bits <= pixels.bits_stored <= self.max_bits
            and self.min_side <= max(facts.width, facts.height) <= self.max_side
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Chooses. The default is this project's: small grey JPEG-LS, large grey HTJ2K, colour JPEG."""

    large_side: int = 1000
    """A grey image with a side of at least so many pixels is large."""
    small_grey: str = SMALL_GREY
    large_grey: str = LARGE_GREY
    colour: Colour = Colour.JPEG
    lossless_colour: str = LOSSLESS_COLOUR
    quality: int = 95
    near: int = 2
    min_psnr_db: float = 40.0
    """A frame of a lossy output that is further from its source makes the image lossless instead."""
    min_ssim: float = 0.97
    lossy_sources: LossySources = LossySources.COPY
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no image could follow.

        :raises PolicyError: a number is out of its range, or what must be lossless is not
        """
        checks = (
            (1 <= self.large_side <= 65536, f"large_side is {self.large_side}, not from 1 to 65536"),
            (1 <= self.quality <= 100, f"quality is {self.quality}, not from 1 to 100"),
            (1 <= self.near <= 255, f"near is {self.near}, not from 1 to 255"),
            (0 < self.min_psnr_db < 200, f"min_psnr_db is {self.min_psnr_db}, not from 0 to 200"),
            (0 <= self.min_ssim <= 1, f"min_ssim is {self.min_ssim}, not from 0 to 1"),
            (self.lossless_colour not in LOSSY_TARGETS, f"lossless_colour is {self.lossless_colour}, which loses"),
        )
        for holds, message in checks:
            if not holds:
                raise PolicyError(message)

    def choose(self, facts: Facts) -> Decision:
        """What becomes of an image."""
        return (
            _unholdable(facts)
            or self._by_rule(facts)
            or (self._colour(facts) if facts.pixels.is_colour else self._grey(facts))
        )

    @property
    def targets(self) -> frozenset[str]:
        """Every target that it may choose."""
        named = {rule.target for rule in self.rules} - {"copy", "keep"}
        return frozenset({self.small_grey, self.large_grey, self.lossless_colour, *named})

    def _options(self) -> ArchiveOptions:
        return ArchiveOptions(quality=self.quality, near=self.near)

    def _by_rule(self, facts: Facts) -> Decision | None:
        rule = next((rule for rule in self.rules if rule.names(facts)), None)
        if rule is None:
            return None
        reason = f"rule {rule.name!r} names it"
        if rule.target == "copy":
            return Decision(Action.COPY, rule.name, reason)
        if rule.target == "keep":
            return Decision(Action.KEEP, rule.name, reason) if is_encapsulated(facts) else _copied(rule.name, reason)
        options = self._options()
        options = replace(options, quality=rule.quality or options.quality, near=rule.near or options.near)
        return replace(self._to(rule.target, facts, rule.name, reason), options=options)

    def _colour(self, facts: Facts) -> Decision:
        if self.colour is Colour.KEEP:
            return _copied("colour-keep", "colour files are left as they are")
        if self.colour is Colour.LOSSLESS:
            return self._to(self.lossless_colour, facts, "colour-lossless", "colour is encoded without loss")
        return self._jxl(facts) if self.colour is Colour.JXL else self._jpeg(facts)

    def _jxl(self, facts: Facts) -> Decision:
        if facts.transfer_syntax == JPEG_BASELINE:
            reason = "JPEG is packed as JPEG XL, from which it can be had back bit for bit"
            return Decision(Action.ENCODE, "colour-jxl", reason, "jxl-jpeg", self._options())
        return self._to("jxl", facts, "colour-jxl", "colour is encoded as lossless JPEG XL")

    def _jpeg(self, facts: Facts) -> Decision:
        if facts.transfer_syntax in JPEG_SYNTAXES:
            return Decision(Action.KEEP, "colour-jpeg", "it is JPEG already: its codestreams are copied bit for bit")
        if facts.pixels.bits_allocated > 8:
            reason = f"colour of {facts.pixels.bits_stored} bits does not fit JPEG baseline"
            return self._to(self.lossless_colour, facts, "colour-deep", reason)
        reason = f"colour becomes JPEG baseline of quality {self.quality}, which loses something"
        return self._to("jpeg", facts, "colour-jpeg", reason)

    def _grey(self, facts: Facts) -> Decision:
        is_large = max(facts.width, facts.height) >= self.large_side
        what = "palette" if facts.pixels.photometric == "PALETTE COLOR" else "grey"
        if is_large:
            reason = f"{what}, {facts.width} x {facts.height}: a side of {self.large_side} pixels or more"
            return self._to(self.large_grey, facts, "grey-large", reason)
        reason = f"{what}, {facts.width} x {facts.height}: both sides below {self.large_side} pixels"
        return self._to(self.small_grey, facts, "grey-small", reason)

    def _to(self, target: str, facts: Facts, rule: str, reason: str) -> Decision:
        """To a target, unless the source is there already, or would lose something a second time."""
        is_there = facts.transfer_syntax in _syntaxes_of(target)
        is_palette = facts.pixels.photometric == "PALETTE COLOR"
        if target in LOSSY_TARGETS and is_palette:
            target, reason = self.lossless_colour, f"{reason}; indices of a palette cannot lose anything"
        if facts.is_lossy:
            if is_there:
                return Decision(Action.KEEP, rule, f"{reason}; it has that encoding already, and has lost something")
            if self.lossy_sources is LossySources.COPY:
                return _copied("lossy-source", "it has lost something already, and shall not lose more or grow")
            target = target if target not in LOSSY_TARGETS else self.lossless_colour
            reason = f"{reason}; it has lost something already, so without further loss"
        if is_there and target not in LOSSY_TARGETS:
            return Decision(Action.KEEP, rule, f"{reason}; it has that encoding already", target, self._options())
        decision = Decision(Action.ENCODE, rule, reason, target, self._options())
        if target not in LOSSY_TARGETS:
            return decision
        return replace(
            decision,
            is_lossy=True,
            fallback=self.lossless_colour,
            min_psnr_db=self.min_psnr_db,
            min_ssim=self.min_ssim,
        )


def is_encapsulated(facts: Facts) -> bool:
    """Whether its frames are encoded at all (PS3.5 A.4)."""
    return facts.transfer_syntax.startswith("1.2.840.10008.1.2.4.") or facts.transfer_syntax in {
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.8.1",
    }


def _syntaxes_of(target: str) -> tuple[str, ...]:
    return _FAMILIES.get(target.split("-", maxsplit=1)[0], ())


def _copied(rule: str, reason: str) -> Decision:
    return Decision(Action.COPY, rule, reason)


def _unholdable(facts: Facts) -> Decision | None:
    pixels = facts.pixels
    if facts.bits_allocated == 1:
        return _copied("one-bit", "samples of one bit, which no target holds")
    if pixels.is_float:
        return _copied("float", "samples in floating point, which no target holds")
    if facts.bits_allocated > 16:
        return _copied("wide", f"samples of {facts.bits_allocated} bits, which no target holds")
    return None


def not_an_image(why: str) -> Decision:
    """The decision on a file that has no frames to encode."""
    return _copied("no-image", why)
