// Decoded tiles: kept within a bound of bytes, painted as the window says, drawn coarse ones first.

import type { Display, Image, Lut } from "../api.ts";
import type { Contrast } from "../contrast.ts";
import { extent, grey, paint, type Samples } from "../windowing.ts";

/** A part of the image: bounds in pixels of level 0. */
export interface Part {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Piece {
  part: Part;
  plane: number;
  /** Samples, as they were decoded: interleaved. */
  samples: Samples;
  width: number;
  height: number;
  components: number;
  bits: number;
  /** Of a luminance and two chrominances, which nothing has made RGB of. */
  isYbr: boolean;
  low: number;
  high: number;
  /** How often it was halved, and of how many messages it was made. */
  reduction: number;
  messages: number;
  sheet: HTMLCanvasElement | null;
}

const MOST_BYTES = 256 * 1024 * 1024;

export class Pieces {
  private readonly kept = new Map<string, Piece>();
  private bytes = 0;

  get(key: string): Piece | undefined {
    return this.kept.get(key);
  }

  keep(key: string, piece: Piece): void {
    this.drop(key);
    this.kept.set(key, piece);
    this.bytes += sizeOf(piece);
    for (const [oldest] of this.kept) {
      if (this.bytes <= MOST_BYTES || oldest === key) break;
      this.drop(oldest);
    }
  }

  /** The window has changed. */
  repaint(): void {
    for (const piece of this.kept.values()) piece.sheet = null;
  }

  /** The least and the greatest sample of what there is of a plane. */
  range(plane: number): [number, number] | null {
    const found = [...this.kept.values()].filter((piece) => piece.plane === plane);
    return found.length ? [Math.min(...found.map(({ low }) => low)), Math.max(...found.map(({ high }) => high))] : null;
  }

  /** Those of a plane that touch a part of the image, the coarsest first. What is used is kept longest. */
  under(plane: number, part: Part): Piece[] {
    const found = [...this.kept].filter(([, piece]) => piece.plane === plane && touches(piece.part, part));
    for (const [key, piece] of found) {
      this.kept.delete(key);
      this.kept.set(key, piece);
    }
    return found.map(([, piece]) => piece).sort((a, b) => a.width / a.part.width - b.width / b.part.width);
  }

  private drop(key: string): void {
    const piece = this.kept.get(key);
    if (!piece) return;
    this.bytes -= sizeOf(piece);
    this.kept.delete(key);
  }
}

/** A piece as a picture, made when it is drawn first. */
export function sheetOf(piece: Piece, display: Display, contrast: Contrast): HTMLCanvasElement {
  if (piece.sheet) return piece.sheet;
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width: piece.width, height: piece.height });
  const pixels = new ImageData(piece.width, piece.height);
  if (piece.components > 2) paintColour(piece, pixels.data, contrast.isInverted);
  else if (display.palette) paintPalette(first(piece), pixels.data, display.palette);
  else {
    const isInverted = display.inverted !== contrast.isInverted;
    paint(first(piece), pixels.data, (stored) => grey(stored, display, contrast.window, isInverted), piece.low, piece.high);
  }
  sheet.getContext("2d")?.putImageData(pixels, 0, 0);
  return (piece.sheet = sheet);
}

/** A decoded tile; what its samples are, of the first component. */
export function makePiece(image: Image, of: Omit<Piece, "low" | "high" | "sheet" | "isYbr">, hasColourTransform: boolean): Piece {
  const isYbr = of.components > 2 && !hasColourTransform && image.pixels.photometric.startsWith("YBR");
  const made: Piece = { ...of, isYbr, low: 0, high: 0, sheet: null };
  [made.low, made.high] = extent(first(made));
  return made;
}

function first({ samples, components }: Piece): Samples {
  return components === 1 ? samples : samples.filter((_, index) => index % components === 0);
}

function paintColour({ samples, components, bits, isYbr }: Piece, pixels: Uint8ClampedArray, isInverted: boolean): void {
  const scale = 255 / (2 ** bits - 1);
  const flip = isInverted ? 255 : 0;
  for (let from = 0, to = 0; from < samples.length; from += components, to += 4) {
    let [red, green, blue] = [samples[from]! * scale, samples[from + 1]! * scale, samples[from + 2]! * scale];
    if (isYbr) {
      const [luminance, cb, cr] = [red, green - 128, blue - 128]; // PS3.3 C.7.6.3.1.2
      [red, green, blue] = [luminance + 1.402 * cr, luminance - 0.344136 * cb - 0.714136 * cr, luminance + 1.772 * cb];
    }
    pixels[to] = Math.abs(flip - red);
    pixels[to + 1] = Math.abs(flip - green);
    pixels[to + 2] = Math.abs(flip - blue);
    pixels[to + 3] = 255;
  }
}

function paintPalette(samples: Samples, pixels: Uint8ClampedArray, palette: Lut[]): void {
  samples.forEach((stored: number, index: number) => {
    palette.forEach(({ first: lowest, bits, values }, channel) => {
      const at = Math.min(Math.max(stored - lowest, 0), values.length - 1);
      pixels[4 * index + channel] = (values[at]! / (2 ** bits - 1)) * 255;
    });
    pixels[4 * index + 3] = 255;
  });
}

function touches(one: Part, other: Part): boolean {
  return one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;
}

function sizeOf({ samples, width, height }: Piece): number {
  return samples.byteLength + 4 * width * height;
}
