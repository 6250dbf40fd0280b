// One slice on a canvas: where it lies, how it is drawn, and a ruler over it.

import type { Image } from "./api.ts";
import { el } from "./dom.ts";
import { lengthText } from "./scale.ts";
import type { Slice } from "./slices.ts";
import { grey, paint, type Windowing } from "./windowing.ts";

export interface Point {
  x: number;
  y: number;
}

interface Place extends Point {
  width: number;
  height: number;
  /** Screen pixels for each column of the image. */
  scale: number;
}

const ZOOMS = [0.2, 40] as const;
const SHARP_FROM = 6;

/** Draws into its canvas, which fills `frame`. Points are in client pixels unless said otherwise. */
export class Picture {
  readonly canvas = el("canvas", {});
  /** 1: the whole image fits the frame. */
  zoom = 1;
  /** Of the image's middle from the frame's, in screen pixels. */
  pan: Point = { x: 0, y: 0 };
  private readonly sheet = document.createElement("canvas");
  private readonly observer = new ResizeObserver(() => this.redraw());
  private readonly aspect: number;
  private slice: Slice | null = null;
  private window: Windowing | null = null;
  private isInverted = false;
  private ruler: { from: Point; to: Point } | null = null;
  private needsPaint = true;
  private waiting = 0;

  constructor(
    private readonly image: Image,
    private readonly frame: HTMLElement,
    private readonly scaled: (millimetresPerPixel: number | null) => void,
  ) {
    this.aspect = image.spacing_mm ? image.spacing_mm[1] / image.spacing_mm[0] : 1;
    this.observer.observe(frame);
  }

  close(): void {
    cancelAnimationFrame(this.waiting);
    this.observer.disconnect();
  }

  show(slice: Slice | null, window: Windowing | null, isInverted: boolean): void {
    this.slice = slice;
    this.window = window;
    this.isInverted = isInverted;
    this.needsPaint = true;
    this.redraw();
  }

  place(zoom: number, pan: Point): void {
    this.zoom = Math.min(Math.max(zoom, ZOOMS[0]), ZOOMS[1]);
    this.pan = pan;
    this.redraw();
  }

  /** Zooms so that what lies under a point stays there. */
  zoomAt(factor: number, point: Point): void {
    const box = this.frame.getBoundingClientRect();
    const from = { x: point.x - box.left - box.width / 2, y: point.y - box.top - box.height / 2 };
    const before = this.zoom;
    this.place(before * factor, this.pan);
    const real = this.zoom / before;
    this.place(this.zoom, { x: from.x - (from.x - this.pan.x) * real, y: from.y - (from.y - this.pan.y) * real });
  }

  measure(from: Point, to: Point): void {
    this.ruler = { from: this.toImage(from), to: this.toImage(to) };
    this.redraw();
  }

  reset(): void {
    this.ruler = null;
    this.place(1, { x: 0, y: 0 });
  }

  /** A point in pixels of the image. */
  toImage(point: Point): Point {
    const box = this.frame.getBoundingClientRect();
    const where = this.where();
    return {
      x: ((point.x - box.left - where.x) / where.width) * this.image.width,
      y: ((point.y - box.top - where.y) / where.height) * this.image.height,
    };
  }

  redraw(): void {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.waiting = 0;
    const box = this.frame.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * density), Math.round(box.height * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    if (!context || !this.slice) return;
    if (this.needsPaint) this.paintSheet(this.slice);
    const where = this.where();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(density, 0, 0, density, 0, 0);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = where.scale < SHARP_FROM;
    context.drawImage(this.slice.picture ?? this.sheet, where.x, where.y, where.width, where.height);
    if (this.ruler) this.drawRuler(context, where, this.ruler.from, this.ruler.to);
    const spacing = this.image.spacing_mm;
    this.scaled(spacing ? spacing[0] / where.scale : null);
  }

  private paintSheet(slice: Slice): void {
    this.needsPaint = false;
    if (!slice.samples) return;
    if (this.sheet.width !== slice.width) this.sheet.width = slice.width;
    if (this.sheet.height !== slice.height) this.sheet.height = slice.height;
    const pixels = new ImageData(slice.width, slice.height);
    const isInverted = slice.display.inverted !== this.isInverted;
    const shade = (stored: number): number => grey(stored, slice.display, this.window, isInverted);
    paint(slice.samples, pixels.data, shade, slice.low, slice.high);
    this.sheet.getContext("2d")?.putImageData(pixels, 0, 0);
  }

  /** Where the image lies in the frame; pixels that are not square are drawn as they are in the patient. */
  private where(): Place {
    const box = this.frame.getBoundingClientRect();
    const tall = this.image.height * this.aspect;
    const scale = Math.min(box.width / this.image.width, box.height / tall) * this.zoom;
    const [width, height] = [this.image.width * scale, tall * scale];
    return { x: (box.width - width) / 2 + this.pan.x, y: (box.height - height) / 2 + this.pan.y, width, height, scale };
  }

  private drawRuler(context: CanvasRenderingContext2D, where: Place, from: Point, to: Point): void {
    const screen = (point: Point): [number, number] => [
      where.x + (point.x / this.image.width) * where.width,
      where.y + (point.y / this.image.height) * where.height,
    ];
    const [a, b] = [screen(from), screen(to)];
    context.strokeStyle = context.fillStyle = "#fbbf24";
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...a);
    context.lineTo(...b);
    context.stroke();
    for (const [x, y] of [a, b]) context.fillRect(x - 2.5, y - 2.5, 5, 5);
    context.font = "600 13px system-ui, sans-serif";
    context.shadowColor = "#000";
    context.shadowBlur = 4;
    context.fillText(this.rulerText(from, to), b[0] + 10, b[1] - 8);
    context.shadowBlur = 0;
  }

  private rulerText(from: Point, to: Point): string {
    const spacing = this.image.spacing_mm;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    if (!spacing) return `${Math.hypot(dx, dy).toFixed(1)} pixels`;
    return lengthText(Math.hypot(dx * spacing[0], dy * spacing[1]));
  }
}
