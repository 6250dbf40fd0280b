"""How the frames of an instance are shown: the attributes of PS3.3 C.11 and of functional groups, as a Display.

Doses have a Dose Grid Scaling in place of the Rescale Slope (C.8.8.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from medtiles.core.display import PLAIN, Display, Lut, Windowing
from medtiles.dicom.lookup_tables import palette, table
from transcode.dicom.attributes import item, number, numbers, text, texts, value_of
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.errors import DicomFileError
from transcode.frames import PixelFormat

_FUNCTIONS = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
_MOST_WINDOWS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Displays:
    """How the frames of one instance are shown. Made by one thread; `of` is called by one thread at a time."""

    dataset: Dataset
    groups: FunctionalGroups
    pixels: PixelFormat
    """As stored, before decoding."""
    is_little: bool

    def of(self, frame: int) -> Display:
        """How a frame is shown; PLAIN itself when nothing says otherwise.

        :raises DicomFileError: an attribute makes no sense; its keyword is named
        """
        if self.pixels.is_colour:
            return PLAIN
        modality_lut = self._modality_lut()
        slope, intercept = (1.0, 0.0) if modality_lut else self._rescale(frame)
        display = Display(
            slope=slope,
            intercept=intercept,
            modality_lut=modality_lut,
            windowings=windowings(self.groups.find(frame, "FrameVOILUTSequence") or self.dataset),
            voi_lut=self._voi_lut(is_signed=modality_lut is None and (self.pixels.signed or intercept < 0)),
            is_inverted=self._is_inverted(),
            palette=self._palette(),
            padding=self._padding(),
            units=self._units(frame),
        )
        return PLAIN if facts(display) == facts(PLAIN) else display

    def _modality_lut(self) -> Lut | None:
        found = item(self.dataset, "ModalityLUTSequence")
        return table(found, is_signed=self.pixels.signed, is_little=self.is_little) if found is not None else None

    def _voi_lut(self, *, is_signed: bool) -> Lut | None:
        found = item(self.dataset, "VOILUTSequence")
        return table(found, is_signed=is_signed, is_little=self.is_little) if found is not None else None

    def _rescale(self, frame: int) -> tuple[float, float]:
        where = self.groups.find(frame, "PixelValueTransformationSequence") or self.dataset
        if "DoseGridScaling" in where:
            return number(where, "DoseGridScaling", 1.0) or 1.0, 0.0
        slope = number(where, "RescaleSlope", 1.0)
        return slope or 1.0, number(where, "RescaleIntercept", 0.0)

    def _units(self, frame: int) -> str:
        where = self.groups.find(frame, "PixelValueTransformationSequence") or self.dataset
        modality = item(self.dataset, "ModalityLUTSequence") or where
        found = text(where, "RescaleType") or text(modality, "ModalityLUTType") or text(where, "DoseUnits")
        is_ct = text(self.dataset, "Modality") == "CT" and "RescaleIntercept" in where
        return "" if found == "US" else found or ("HU" if is_ct else "")

    def _is_inverted(self) -> bool:
        """MONOCHROME1 and a Presentation LUT Shape of INVERSE say the same (C.8.11.3.1.2)."""
        return self.pixels.photometric == "MONOCHROME1" or text(self.dataset, "PresentationLUTShape") == "INVERSE"

    def _palette(self) -> tuple[Lut, Lut, Lut] | None:
        if self.pixels.photometric != "PALETTE COLOR":
            return None
        found = palette(self.dataset, is_signed=self.pixels.signed, is_little=self.is_little)
        if found is None:
            message = "RedPaletteColorLookupTableDescriptor is missing"
            raise DicomFileError(message)
        return found

    def _padding(self) -> tuple[int, int] | None:
        """Pixel Padding Value to Pixel Padding Range Limit (C.7.5.1.1.2); either may have been written without sign."""
        value = value_of(self.dataset, "PixelPaddingValue")
        if not isinstance(value, int):
            return None
        limit = value_of(self.dataset, "PixelPaddingRangeLimit")
        ends = sorted(self._signed(end) for end in (value, limit if isinstance(limit, int) else value))
        return ends[0], ends[1]

    def _signed(self, value: int) -> int:
        half = 1 << (self.pixels.bits_allocated - 1)
        if self.pixels.signed and value >= half:
            return int(value) - 2 * half
        return int(value) + 2 * half if not self.pixels.signed and value < 0 else int(value)


def windowings(dataset: Dataset) -> tuple[Windowing, ...]:
    """The windows of a VOI LUT module or macro, its first choice first (C.11.2.1.2).

    Windows that have no width or cannot be read are left out: a picture with another window is better than none.
    """
    try:
        centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
        explanations = texts(dataset, "WindowCenterWidthExplanation")
        function = text(dataset, "VOILUTFunction").upper()
    except DicomFileError:
        return ()
    function = function if function in _FUNCTIONS else "LINEAR"
    found = []
    for index, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        explanation = explanations[index] if index < len(explanations) else ""
        if width >= 1 or (width > 0 and function != "LINEAR"):
            found.append(Windowing(centre, width, function, explanation))
    return tuple(found[:_MOST_WINDOWS])


def facts(display: Display) -> tuple[object, ...]:
    """The display as values that compare by what they hold: equal displays share tables made from them."""
    return (
        display.slope,
        display.intercept,
        _facts_of(display.modality_lut),
        display.windowings,
        _facts_of(display.voi_lut),
        display.is_inverted,
        tuple(_facts_of(lut) for lut in display.palette or ()),
        display.colour,
        display.padding,
        display.units,
    )


def _facts_of(lut: Lut | None) -> tuple[int, int, bytes] | None:
    return (lut.first, lut.bits, lut.values.tobytes()) if lut is not None else None
