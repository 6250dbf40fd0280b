// From stored samples to grey: modality LUT or rescale, then window or VOI LUT (DICOM PS3.3 C.11.1, C.11.2; PS3.4 N.2).

import type { Display, Lut } from "./api.ts";

export interface Windowing {
  centre: number;
  width: number;
  function: string;
}

export type Samples = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** The modality value of a stored value. */
export function modalityValue(stored: number, display: Display): number {
  if (display.modality_lut) return lookUp(display.modality_lut, stored);
  return stored * (display.slope ?? 1) + (display.intercept ?? 0);
}

/** Grey of 0 to 255 of a modality value. */
export function windowed(value: number, window: Windowing): number {
  const { centre, width } = window;
  if (window.function === "SIGMOID") return 255 / (1 + Math.exp((-4 * (value - centre)) / width));
  if (window.function === "LINEAR_EXACT") return clamp(((value - centre) / width + 0.5) * 255);
  if (width <= 1) return value <= centre - 0.5 ? 0 : 255;
  return clamp(((value - (centre - 0.5)) / (width - 1) + 0.5) * 255);
}

/** What stands for a stored value on the screen. */
export function grey(stored: number, display: Display, window: Windowing | null, isInverted: boolean): number {
  const padding = display.padding;
  if (padding && stored >= padding[0] && stored <= padding[1]) return 0;
  const value = modalityValue(stored, display);
  const shade = window
    ? windowed(value, window)
    : display.voi_lut
      ? (lookUp(display.voi_lut, value) / (2 ** display.voi_lut.bits - 1)) * 255
      : clamp(value);
  return isInverted ? 255 - shade : shade;
}

/** Fills RGBA pixels with the greys of samples; integers of up to 16 bits by a table. */
export function paint(
  samples: Samples,
  pixels: Uint8ClampedArray,
  shade: (stored: number) => number,
  low: number,
  high: number,
): void {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, samples.length);
  const word = (stored: number): number => (0xff000000 | (Math.round(shade(stored)) * 0x010101)) >>> 0;
  const isTabled = Number.isInteger(low) && high - low < 65536 && !(samples instanceof Float32Array || samples instanceof Float64Array);
  if (isTabled) {
    const table = new Uint32Array(high - low + 1);
    for (let i = 0; i < table.length; i++) table[i] = word(low + i);
    for (let i = 0; i < samples.length; i++) words[i] = table[samples[i]! - low]!;
  } else {
    for (let i = 0; i < samples.length; i++) words[i] = word(samples[i]!);
  }
}

/** The least and the greatest sample. */
export function extent(samples: Samples): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

function lookUp(lut: Lut, value: number): number {
  const index = Math.min(Math.max(Math.round(value) - lut.first, 0), lut.values.length - 1);
  return lut.values[index] ?? 0;
}

function clamp(shade: number): number {
  return Math.min(Math.max(shade, 0), 255);
}
