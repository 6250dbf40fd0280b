"""Do others agree? What the archive's encoders write, read by implementations that are not ours; nothing may differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
import pytest

from tests.contract.codec_contract import picture
from tests.judges import Judge, by_dcmtk, by_gdcm, by_openjph, by_pydicom, by_simpleitk, dicom_file, is_same
from transcode.archive import archive_encoders
from transcode.codec import Codecs
from transcode.codecs import builtin
from transcode.colour import to_rgb
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.errors import TranscodeError
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions

pytestmark = pytest.mark.slow

SharedData = Callable[[str], Path]

OPTIONS = ArchiveOptions(near=2)


class Reader(NamedTuple):
    """A judge, and which pictures it reads at all, also of other writers."""

    judge: Judge
    reads: Callable[[PixelArray], bool] = lambda _: True


def has_bytes(pixels: PixelArray) -> bool:
    """GDCM, ITK and DCMTK know no fewer than 8 stored bits, but for GDCM's JPEG 2000."""
    return pixels.format.bits_stored >= 8


def has_runs(pixels: PixelArray) -> bool:
    """GDCM and ITK take RLE of a few bytes for damaged, and colours of 16 bits for something else."""
    return has_bytes(pixels) and pixels.samples.size >= 64 and pixels.samples[0, 0].nbytes <= 3


WAVELETS = {
    "openjpeg": Reader(by_pydicom("pylibjpeg")),
    "gdcm": Reader(by_gdcm),
    "simpleitk": Reader(by_simpleitk, has_bytes),
}
JUDGES: dict[str, dict[str, Reader]] = {
    "htj2k-rpcl": {**WAVELETS, "openjph": Reader(by_openjph)},
    "htj2k": {**WAVELETS, "openjph": Reader(by_openjph)},
    "j2k": WAVELETS,
    "jpegls": {
        "libjpeg": Reader(by_pydicom("pylibjpeg")),
        "charls": Reader(by_pydicom("pyjpegls")),
        "gdcm": Reader(by_gdcm, has_bytes),
        "dcmtk": Reader(by_dcmtk("dcmdjpls"), has_bytes),
    },
    "rle": {
        "pydicom": Reader(by_pydicom("pydicom")),
        "gdcm": Reader(by_gdcm, has_runs),
        "simpleitk": Reader(by_simpleitk, has_runs),
        "dcmtk": Reader(by_dcmtk("dcmdrle")),
    },
    "explicit": {
        "pydicom": Reader(by_pydicom("")),
        "gdcm": Reader(by_gdcm, has_bytes),
        "simpleitk": Reader(by_simpleitk, has_bytes),
    },
}
"""Three families or more for each, at the depths that they know. JPEG XL has no reader but libjxl, and deflated frames
none but pydicom: their round trip is in the contract."""
PROGRAMS = {"jpegls": "dcmdjpls", "rle": "dcmdrle"}
DEPTHS = [(bits, signed) for bits in range(2, 17) for signed in (False, True)]
RADIOLOGY = [
    "CR_1976x1576_modalityLUT_JPLL.dcm",
    "CR_Konica_2010x2446_JPEG.dcm",
    "CT_SignedCT.dcm",
    "CT_brain_GE_512_signed16.dcm",
    "DX_16bit_1420x1416_J2KR.dcm",
    "HTJ2KLossless_08_RGB.dcm",
    "HTJ2K_08_RGB.dcm",
    "MG1_J2KI.dcm",
    "MR2_J2KR_1024.dcm",
    "MR2_JLSL_1024.dcm",
    "NM1_JLSL_signed.dcm",
    "RG2_JLSL.dcm",
    "RG2_JPLY.dcm",
    "RG3_J2KI.dcm",
    "RG3_JLSL.dcm",
    "SC_1475_RGB_RLE.dcm",
    "US_1024x768x2_RGB_JPLL.dcm",
    "US_1260x910_YBR_RLE.dcm",
    "US_1660x965_J2K_ICT.dcm",
    "US_GE_1016x708x27_JXLrecompress.dcm",
    "US_palette_10f_JLSL.dcm",
    "VL5_J2KI_2670x3340_color.dcm",
    "XA1_JLSL_1024.dcm",
]
OF_PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="module")
def codecs() -> Codecs:
    return builtin()


@pytest.fixture(params=JUDGES)
def target(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def judges_of(target: str, pixels: PixelArray) -> Iterator[tuple[str, Judge]]:
    """Those that are there and read such pictures."""
    for name, reader in JUDGES[target].items():
        is_there = name != "dcmtk" or shutil.which(PROGRAMS[target]) is not None
        if is_there and reader.reads(pixels):
            yield name, reader.judge


def disagreeing(pixels: PixelArray, target: str, folder: Path) -> list[str]:
    """Encode, and name the judges that do not get back what went in."""
    encoder = archive_encoders().named(target)
    frame = encoder.encode(pixels, OPTIONS)
    path = dicom_file(folder / f"{target}.dcm", frame, encoder.target.transfer_syntax)
    bits = pixels.format.bits_stored
    return [name for name, judge in judges_of(target, pixels) if not is_same(judge(path), pixels.samples, bits)]


def first_pixels(path: Path, codecs: Codecs) -> PixelArray | None:
    """The first frame, decoded; None when it is none that can be read."""
    try:
        reader = InstanceReader(MemoryFile(path.name, path.read_bytes()))
        return codecs.decode(reader.read_frame(0))
    except (TranscodeError, ValueError):
        return None


@pytest.mark.parametrize(("bits", "signed"), DEPTHS, ids=str)
def test_every_depth_is_exact_for_every_judge(bits: int, signed: bool, target: str, tmp_path: Path) -> None:
    pixels = PixelFormat(1, 8 if bits <= 8 else 16, bits, signed)
    made = picture(pixels, 71, 53)
    half = 1 << (bits - 1)
    noise = np.random.default_rng(bits).integers(-half if signed else 0, half if signed else 2 * half, (20, 71, 1))
    made.samples[20:40] = noise
    assert disagreeing(made, target, tmp_path) == []


@pytest.mark.parametrize("pixels", [GREY8, RGB8, PixelFormat(3, 8, 8, photometric="YBR_FULL")], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (65, 64), (33, 17), (700, 3)], ids=str)
def test_colours_and_odd_sizes_are_exact_for_every_judge(
    pixels: PixelFormat, size: tuple[int, int], target: str, tmp_path: Path
) -> None:
    reason = archive_encoders().named(target).refusal(pixels, *size)
    if reason is not None:
        pytest.skip(f"not applicable: {target} does not hold {reason}")
    assert disagreeing(picture(pixels, *size), target, tmp_path) == []


@pytest.mark.corpus
@pytest.mark.parametrize("name", RADIOLOGY)
def test_real_picture_is_exact_for_every_judge(
    name: str, target: str, codecs: Codecs, shared_data: SharedData, tmp_path: Path
) -> None:
    pixels = first_pixels(shared_data(f"radiology/{name}"), codecs)
    assert pixels is not None
    assert disagreeing(pixels, target, tmp_path) == []


def test_test_files_of_pydicom_are_exact_for_every_judge(target: str, codecs: Codecs, tmp_path: Path) -> None:
    failed, counted = {}, 0
    for path in sorted(OF_PYDICOM.glob("*.dcm")):
        pixels = first_pixels(path, codecs)
        if pixels is None or archive_encoders().named(target).refusal(pixels.format, pixels.width, pixels.height):
            continue
        counted += 1
        names = disagreeing(pixels, target, tmp_path)
        if names:
            failed[path.name] = names
    assert failed == {}
    assert counted > 20


LOSSY_JUDGES: dict[str, dict[str, Judge]] = {
    "jpegls-near": {"libjpeg": by_pydicom("pylibjpeg"), "charls": by_pydicom("pyjpegls"), "gdcm": by_gdcm},
    "j2k-lossy": {"openjpeg": by_pydicom("pylibjpeg"), "gdcm": by_gdcm, "simpleitk": by_simpleitk},
    "htj2k-lossy": {"openjpeg": by_pydicom("pylibjpeg"), "simpleitk": by_simpleitk},
    "jpeg": {"libjpeg": by_pydicom("pylibjpeg"), "simpleitk": by_simpleitk},
    "jpeg-extended": {"libjpeg": by_pydicom("pylibjpeg"), "gdcm": by_gdcm, "simpleitk": by_simpleitk},
}
LOSSY_PICTURES = {
    "grey8": PixelFormat(1, 8, 8),
    "grey12": PixelFormat(1, 16, 12),
    "grey16": PixelFormat(1, 16, 16),
    "signed16": PixelFormat(1, 16, 16, signed=True),
    "rgb": RGB8,
}


@pytest.mark.parametrize("target", LOSSY_JUDGES)
@pytest.mark.parametrize("kind", LOSSY_PICTURES)
def test_lossy_picture_is_as_near_for_others_as_for_us(target: str, kind: str, codecs: Codecs, tmp_path: Path) -> None:
    """A wrong depth, sign or level shift would move every sample; two ways to round move some by little."""
    encoder = archive_encoders().named(target)
    pixels = LOSSY_PICTURES[kind]
    if encoder.refusal(pixels, 130, 90) is not None:
        pytest.skip(f"not applicable: {target} does not hold {kind}")
    made = picture(pixels, 130, 90)
    frame = encoder.encode(made, OPTIONS)
    ours = codecs.decode(frame).samples.astype(int)
    error = ours - made.samples
    assert np.abs(error).max() <= (OPTIONS.near if target == "jpegls-near" else 48)
    assert np.sqrt((error**2).mean()) <= 2
    for name, judge in LOSSY_JUDGES[target].items():
        path = dicom_file(tmp_path / f"{target}.dcm", frame, encoder.target.transfer_syntax)
        judged = judge(path).reshape(made.samples.shape)
        if frame.format.photometric in {"YBR_FULL", "YBR_FULL_422"}:
            judged = to_rgb(PixelArray(judged, frame.format)).samples  # judges give what is stored
        assert np.abs(judged.astype(int) - ours).max() <= (
            0 if target == "jpegls-near" else 4 if pixels.is_colour else 2
        ), name


@pytest.mark.parametrize("target", PROGRAMS)
def test_dcmtk_is_among_the_judges(target: str) -> None:
    if shutil.which(PROGRAMS[target]) is None:
        pytest.skip(f"{PROGRAMS[target]} of Debian's package dcmtk is missing: it is no judge of {target}")
