"""What is done to a picture once it has its size: mirrored, turned, without its colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from medtiles.core.geometry import Size
from medtiles.core.view import Finish, Tones
from transcode.frames import GREY8, PixelArray, Samples

_RIGHT_ANGLE = 90.0
_HALF = 128


def finished(pixels: PixelArray, finish: Finish, background: tuple[int, int, int], *, has_alpha: bool) -> PixelArray:
    """The picture as it is wanted; samples of 8 bits, grey or RGB.

    Where a turned picture does not fill its rectangle, the corners are transparent, or of the background's colour.

    :param has_alpha: whether transparency can be told: the answer then has four samples where it is needed
    """
    samples = _toned(pixels.samples, finish.tones)
    if finish.is_mirrored:
        samples = samples[:, ::-1]
    turns, rest = divmod(finish.degrees, _RIGHT_ANGLE)
    samples = np.rot90(samples, -int(turns)) if not rest else _turned(samples, finish.degrees, background, has_alpha)
    if finish.padded is not None:
        samples = _padded(samples, finish.padded, background, has_alpha)
    samples = np.ascontiguousarray(samples)
    if samples.shape[2] == 1:
        return PixelArray(samples, GREY8)
    return PixelArray(samples, replace(pixels.format, samples_per_pixel=samples.shape[2], photometric="RGB"))


def _toned(samples: Samples, tones: Tones) -> Samples:
    if tones is Tones.ALL:
        return samples
    grey = samples if samples.shape[2] == 1 else np.asarray(Image.fromarray(samples).convert("L"))[..., np.newaxis]
    if tones is Tones.GREY:
        return grey
    return np.where(grey.astype(np.uint8) >= _HALF, np.uint8(255), np.uint8(0))


def _opaque(samples: Samples) -> Samples:
    """The same with a sample more, for transparency; grey becomes RGB."""
    if samples.shape[2] == 4:
        return samples
    colours = samples if samples.shape[2] == 3 else np.repeat(samples, 3, axis=2)
    return np.concatenate([colours, np.full((*samples.shape[:2], 1), 255, np.uint8)], axis=2)


def _fill(background: tuple[int, int, int], samples: Samples) -> tuple[int, int, int] | int:
    """The background, in colours or in grey as the samples are."""
    return background if samples.shape[2] == 3 else round(sum(background) / 3)


def _padded(samples: Samples, size: Size, background: tuple[int, int, int], has_alpha: bool) -> Samples:
    height, width = max(size.height, samples.shape[0]), max(size.width, samples.shape[1])
    if samples.shape[:2] == (height, width):
        return samples
    wanted = _opaque(samples) if has_alpha else samples
    padded = np.zeros((height, width, wanted.shape[2]), np.uint8)
    if not has_alpha:
        padded[:] = _fill(background, wanted)
    padded[: samples.shape[0], : samples.shape[1]] = wanted
    return padded


def _turned(samples: Samples, degrees: float, background: tuple[int, int, int], has_alpha: bool) -> Samples:
    """Turned clockwise by any angle, by bicubic interpolation."""
    wanted = _opaque(samples) if has_alpha else samples
    image = Image.fromarray(wanted[..., 0] if wanted.shape[2] == 1 else wanted)
    fill = (*background, 0) if has_alpha else _fill(background, wanted)
    turned = np.asarray(image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill))
    return turned.reshape(*turned.shape[:2], wanted.shape[2])
