"""What every `Frames` promises, near or far: subclass, and give fixtures `frames` and `files` over `shelf_of`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.frames import AS_STORED, FrameRequest, Frames
from tests.dicom_files import encapsulated, image, save
from tests.instances import EXPLICIT, JPEG, JPEG_LS, RPCL, Files, compressed, encoded, native, waves
from transcode.codecs import builtin
from transcode.errors import CorruptFrameError, FileChangedError, UnsupportedEncodingError

NATIVE, WAVES, DAMAGED, COLOUR = "1.2.1", "1.2.2", "1.2.3", "1.2.4"
ABSURD = (0, -1, 4, 2**31 - 1, 2**31, 2**63, -(2**63))


def shelf_of(folder: Path) -> Files:
    """Native frames, HTJ2K by resolution, a frame that is damaged, and one of colours."""
    broken = encoded(waves(), "htj2k-rpcl")[0]
    damaged = save(
        folder / "damaged.dcm",
        encapsulated(image(waves(), SOPInstanceUID=DAMAGED, SeriesInstanceUID="1.2.3.2"), [broken[:-900]]),
        RPCL,
    )
    colours = save(
        folder / "colours.dcm",
        image(
            np.asarray(np.stack([waves() >> 8] * 3, axis=-1), np.uint8),
            SOPInstanceUID=COLOUR,
            SeriesInstanceUID="1.2.3.3",
        ),
    )
    return Files(
        [
            native(folder, frames=3, SOPInstanceUID=NATIVE, InstanceNumber=1),
            compressed(folder, "htj2k-rpcl", frames=3, SOPInstanceUID=WAVES, InstanceNumber=2),
            damaged,
            colours,
        ]
    )


class FramesContract:
    """Subclass with fixtures `frames` and `files`."""

    @staticmethod
    def asked(files: Files, uid: str, *accept: str, number: int = 1) -> FrameRequest:
        return FrameRequest(files.found[uid], number, accept or (AS_STORED,))

    def test_a_stored_frame_goes_out_untouched(self, frames: Frames, files: Files) -> None:
        travel = frames.frame(self.asked(files, WAVES, number=2))

        assert travel.frame.data == encoded(waves(3), "htj2k-rpcl")[1]
        assert (travel.transfer_syntax, travel.is_stored, len(travel.resolutions)) == (RPCL, True, 6)

    def test_a_native_frame_is_little_endian(self, frames: Frames, files: Files) -> None:
        travel = frames.frame(self.asked(files, NATIVE, number=3))

        assert (travel.transfer_syntax, travel.frame.data) == (EXPLICIT, waves(3)[2].astype("<u2").tobytes())

    @pytest.mark.parametrize("accept", [JPEG_LS, RPCL, EXPLICIT])
    @pytest.mark.parametrize("uid", [NATIVE, WAVES])
    def test_a_frame_in_another_encoding_has_the_same_samples(
        self, frames: Frames, files: Files, uid: str, accept: str
    ) -> None:
        travel = frames.frame(self.asked(files, uid, accept, number=3))

        assert travel.transfer_syntax == accept
        assert np.array_equal(builtin().decode(travel.frame).samples[:, :, 0], waves(3)[2])

    def test_a_submitted_frame_is_the_same_as_one_waited_for(self, frames: Frames, files: Files) -> None:
        request = self.asked(files, NATIVE, JPEG_LS, number=2)

        assert frames.submit(request).result(30).frame.data == frames.frame(request).frame.data

    def test_a_quality_asks_for_loss(self, frames: Frames, files: Files) -> None:
        request = replace(self.asked(files, COLOUR, RPCL, JPEG), quality=40)

        assert frames.frame(request).transfer_syntax == JPEG

    def test_an_open_choice_is_the_servers(self, frames: Frames, files: Files) -> None:
        request = replace(self.asked(files, NATIVE, EXPLICIT + ".99", RPCL, JPEG_LS), leaves_choice=True)

        assert frames.frame(request).transfer_syntax == JPEG_LS

    @pytest.mark.parametrize("number", ABSURD)
    def test_a_frame_out_of_range_is_refused(self, frames: Frames, files: Files, number: int) -> None:
        with pytest.raises(TileOutOfRangeError):
            frames.frame(self.asked(files, WAVES, number=number))

    @pytest.mark.parametrize("number", ABSURD)
    def test_samples_out_of_range_are_refused(self, frames: Frames, files: Files, number: int) -> None:
        with pytest.raises(TileOutOfRangeError):
            frames.samples(self.asked(files, WAVES, number=number))

    @pytest.mark.parametrize("accept", [("1.2.3",), ("",), ("text/html",), ("1.2.840.10008.1.2.4.50",)])
    def test_nothing_useful_accepted_is_told(self, frames: Frames, files: Files, accept: tuple[str, ...]) -> None:
        with pytest.raises(UnsupportedEncodingError):
            frames.frame(self.asked(files, NATIVE, *accept))

    @pytest.mark.parametrize("accept", [AS_STORED, RPCL, JPEG_LS])
    def test_a_damaged_frame_is_never_a_picture(self, frames: Frames, files: Files, accept: str) -> None:
        with pytest.raises(CorruptFrameError):
            frames.frame(self.asked(files, DAMAGED, accept))
        with pytest.raises(CorruptFrameError):
            frames.submit(self.asked(files, DAMAGED, accept)).result(30)

    @pytest.mark.parametrize("uid", ["", "1.2.999", "../../etc/passwd", "\0", "1" * 5000, "\udc80"], ids=ascii)
    def test_an_instance_that_is_not_there_is_not_found(self, frames: Frames, files: Files, uid: str) -> None:
        nobody = replace(files.found[NATIVE], uid=uid)

        for ask in (frames.frame, frames.samples):
            with pytest.raises((ImageNotFoundError, BadRequestError)):
                ask(FrameRequest(nobody, 1))

    def test_another_version_is_told(self, frames: Frames, files: Files) -> None:
        old = replace(files.found[NATIVE], version="0123456789abcdef")

        with pytest.raises(FileChangedError):
            frames.frame(FrameRequest(old, 1))

    @pytest.mark.parametrize("reduction", [0, 1, 5, 32])
    def test_samples_are_the_stored_ones_halved(self, frames: Frames, files: Files, reduction: int) -> None:
        pixels = frames.samples(self.asked(files, WAVES, number=2), reduction)

        step = 1 << reduction
        assert pixels.samples.shape == (-(-300 // step), -(-400 // step), 1)
        if not reduction:
            assert np.array_equal(pixels.samples[:, :, 0], waves(3)[1])

    @pytest.mark.parametrize("reduction", [-1, 33, 2**31, -(2**63)])
    def test_an_absurd_reduction_is_refused(self, frames: Frames, files: Files, reduction: int) -> None:
        with pytest.raises(BadRequestError):
            frames.samples(self.asked(files, WAVES), reduction)

    def test_prefetching_is_harmless(self, frames: Frames, files: Files) -> None:
        frames.prefetch(self.asked(files, NATIVE, RPCL, number=number) for number in (1, 2, 3))

        assert frames.frame(self.asked(files, NATIVE, RPCL)).transfer_syntax == RPCL
