// One plane at a time: Cornerstone's stack viewport, with what lies over it and the slices around fetched ahead.

import { Enums, imageLoader, imageLoadPoolManager, type RenderingEngine, type Types, utilities } from "@cornerstonejs/core";

import { rounded, unitsOf } from "../contrast.ts";
import { append, el } from "../dom.ts";
import { ScaleBar } from "../scale.ts";
import type { Windowing } from "../windowing.ts";
import { propertiesOf, windowOf } from "./contrast_range.ts";
import { Hold, on, onAny } from "./events.ts";
import { keepOnly, progressOf, reasonOf } from "./frames.ts";
import { corner, Marks } from "./marks.ts";
import type { Listener, Port } from "./port.ts";
import type { Series } from "./series.ts";

const ID = "stack";
const AHEAD = 8;
const BEHIND = 3;
const { Events, InterpolationType } = Enums;

export class StackPort implements Port {
  readonly element = el("div", { class: "port" });
  readonly texts = { level: el("div", { class: "level-text", role: "status" }), slice: el("div", { class: "slice-text" }) };
  readonly windowText = el("div", { class: "window-text" });
  readonly valueText = el("div", { class: "value-text" });
  private readonly canvas = el("div", { class: "canvas" });
  private readonly scale = new ScaleBar(120);
  private readonly marks = new Marks();
  private readonly viewport: Types.IStackViewport;
  private readonly ended = new AbortController();
  private readonly hold: Hold;
  private index = -1;
  private direction = 1;
  private isApplying = false;
  private windowKind = "LINEAR";

  constructor(
    engine: RenderingEngine,
    private readonly series: Series,
    private readonly listener: Listener,
    frame: HTMLElement,
  ) {
    const left = corner("", this.scale.element, this.windowText);
    append(this.element, this.canvas, ...this.marks.elements, left);
    append(this.element, corner("right", this.texts.slice, this.valueText), corner("right upper", this.texts.level));
    frame.append(this.element);
    engine.enableElement({ viewportId: ID, type: Enums.ViewportType.STACK, element: this.canvas, defaultOptions: { background: [0, 0, 0] } });
    this.viewport = engine.getViewport<Types.IStackViewport>(ID);
    this.hold = new Hold(this.canvas, this.ended.signal);
    this.listen();
  }

  /** Shows a slice: the first, or one that could not be had. */
  start(index: number): void {
    this.viewport.setStack(this.series.imageIds, index).catch((error: unknown) => {
      if (!this.ended.signal.aborted) this.listener.failed(error);
    });
  }

  get viewportId(): string {
    return ID;
  }

  show(index: number): void {
    if (index !== this.viewport.getTargetImageIdIndex()) void this.viewport.setImageIdIndex(index);
  }

  apply(window: Windowing, isInverted: boolean): void {
    if (this.index < 0) return;
    this.isApplying = true;
    this.windowKind = window.function;
    const invert = isInverted !== (this.series.image.pixels.photometric === "MONOCHROME1");
    this.viewport.setProperties({ ...(this.series.isColour ? {} : propertiesOf(window)), invert });
    this.isApplying = false;
    this.viewport.render();
  }

  smooth(isSmooth: boolean): void {
    this.viewport.setProperties({ interpolationType: isSmooth ? InterpolationType.LINEAR : InterpolationType.NEAREST });
    this.viewport.render();
  }

  zoomBy(factor: number): void {
    this.place(this.viewport.getZoom() * factor, this.viewport.getPan());
  }

  actualSize(): void {
    const now = this.screenPixels();
    if (!now) return;
    const { width, height } = this.series.image;
    const { canvas } = this.viewport;
    // half a pixel of the screen aside where an odd picture meets an even screen: then each pixel has one of its own
    const half = (screen: number, picture: number): number => ((screen - picture) % 2 ? 0.5 / (window.devicePixelRatio || 1) : 0);
    this.place(this.viewport.getZoom() / now, [half(canvas.width, width), half(canvas.height, height)]);
  }

  /** Zoom (1: all of it fits) and place, for addresses. */
  get view(): { zoom: number; x: number; y: number } {
    const [x, y] = this.viewport.getPan();
    return { zoom: this.viewport.getZoom(), x, y };
  }

  /** Whether all of the image is shown, as at first. */
  get isFitted(): boolean {
    const { zoom, x, y } = this.view;
    return this.index < 0 || (Math.abs(zoom - 1) < 0.005 && Math.hypot(x, y) < 1);
  }

  place(zoom: number, pan: Types.Point2): void {
    this.viewport.setZoom(Math.min(Math.max(zoom, 0.1), 60));
    // Cornerstone takes no step that is shorter than a pixel: there and back again
    this.viewport.setPan([pan[0] + 8, pan[1] + 8]);
    this.viewport.setPan(pan);
    this.viewport.render();
  }

  reset(): void {
    this.viewport.resetCamera();
    this.viewport.render();
  }

  close(): void {
    this.ended.abort();
    keepOnly(() => false);
    imageLoadPoolManager.clearRequestStack(Enums.RequestType.Prefetch);
  }

  // ---- what Cornerstone tells

  private listen(): void {
    const { canvas } = this;
    const { signal } = this.ended;
    on<{ imageIdIndex: number }>(canvas, Events.PRE_STACK_NEW_IMAGE, (told) => this.wanted(told.imageIdIndex), signal);
    on<{ image: Types.IImage; imageIdIndex: number }>(canvas, Events.STACK_NEW_IMAGE, (told) => this.shown(told.imageIdIndex, told.image), signal);
    on<{ range: Types.VOIRange }>(canvas, Events.VOI_MODIFIED, (told) => this.windowed(told.range), signal);
    on(canvas, Events.CAMERA_MODIFIED, () => this.moved(), signal);
    onAny<{ imageId: string; error: unknown }>(Events.IMAGE_LOAD_ERROR, (told) => this.failed(told.imageId, told.error), signal);
    canvas.addEventListener("pointermove", (event) => this.hover(event), { signal });
    canvas.addEventListener("pointerleave", () => this.listener.hovered(""), { signal });
  }

  private wanted(index: number): void {
    if (this.index >= 0 && index !== this.index) this.direction = Math.sign(index - this.index);
    const isNear = new Set(this.around(index).map((near) => this.series.imageIds[near]));
    keepOnly((imageId) => isNear.has(imageId));
    this.listener.wanted(index);
  }

  private shown(index: number, image: Types.IImage): void {
    this.index = index;
    const isWhole = image.imageQualityStatus === Enums.ImageQualityStatus.FULL_RESOLUTION;
    this.listener.shown(index, [image.minPixelValue, image.maxPixelValue], isWhole);
    this.element.dataset["level"] = String(progressOf(image.imageId)?.reduction ?? 0);
    this.moved();
    if (isWhole) this.fetchAround(index);
  }

  /** A new window counts as the user's while a button or finger is down; else it is Cornerstone's own doing. */
  private windowed(range: Types.VOIRange): void {
    if (this.hold.isHeld && !this.isApplying && !this.series.isColour) this.listener.windowed(windowOf(range, this.windowKind));
  }

  private failed(imageId: string, error: unknown): void {
    if (this.series.imageIds[this.viewport.getTargetImageIdIndex()] === imageId) this.listener.failed(reasonOf(imageId) ?? error);
  }

  private moved(): void {
    if (this.index < 0) return;
    const letters = this.series.isOriented(this.index) ? null : this.series.patientOrientation(this.index);
    if (letters) this.marks.write(...letters);
    else this.marks.orient(this.series.isOriented(this.index) ? this.viewport.getCamera() : null);
    const spacing = this.series.image.spacing_mm;
    const pixels = this.screenPixels() / (window.devicePixelRatio || 1);
    this.scale.update(spacing && pixels ? spacing[0] / pixels : null);
    this.element.dataset["pixels"] = this.screenPixels().toFixed(4);
    this.listener.moved();
  }

  /** Pixels of the screen for each column of the image. */
  private screenPixels(): number {
    const plane = this.series.plane(Math.max(this.index, 0));
    const columnMm = plane?.columnPixelSpacing || 1;
    const { worldToCanvas, canvasToWorld } = this.viewport;
    const from = canvasToWorld([0, 0]);
    const cosines = (plane?.rowCosines as number[] | undefined) ?? [1, 0, 0];
    const to = worldToCanvas(from.map((value, axis) => value + cosines[axis]! * columnMm) as Types.Point3);
    return Math.hypot(...to) * (window.devicePixelRatio || 1);
  }

  // ---- slices ahead

  /** The slices that are worth having around one, nearest first, more of them where the way leads. */
  private around(index: number): number[] {
    const found = [index];
    for (let step = 1; step <= AHEAD; step++) {
      found.push(index + step * this.direction);
      if (step <= BEHIND) found.push(index - step * this.direction);
    }
    return found.filter((near) => near >= 0 && near <= this.series.last);
  }

  private fetchAround(index: number): void {
    const type = Enums.RequestType.Prefetch;
    imageLoadPoolManager.clearRequestStack(type);
    for (const near of this.around(index).slice(1)) {
      const imageId = this.series.imageIds[near]!;
      const options = { ...this.viewport.getLoaderImageOptions?.(imageId), requestType: type, retrieveOptions: { reduction: 0 } };
      const fetch = (): Promise<unknown> => imageLoader.loadAndCacheImage(imageId, options as never).catch(() => undefined);
      imageLoadPoolManager.addRequest(fetch as () => Promise<void>, type, { imageId }, 0);
    }
  }

  // ---- under the pointer

  private hover(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    this.listener.hovered(this.index < 0 ? "" : this.valueAt([event.clientX - box.left, event.clientY - box.top]));
  }

  private valueAt(point: Types.Point2): string {
    const data = this.viewport.getImageData();
    const image = this.viewport.getCornerstoneImage();
    if (!data || !image) return "";
    const [x, y] = utilities.transformWorldToIndex(data.imageData as never, this.viewport.canvasToWorld(point)).map(Math.round) as [number, number];
    if (x < 0 || y < 0 || x >= image.columns || y >= image.rows) return "";
    const factor = Math.max(1, Math.round(this.series.image.width / image.columns));
    const samples = image.getPixelData();
    const count = image.numberOfComponents ?? 1;
    const place = (y * image.columns + x) * count;
    const values = Array.from({ length: count }, (_, sample) => rounded(samples[place + sample] as number)).join(", ");
    return `${x * factor}, ${y * factor}: ${factor > 1 ? "≈ " : ""}${values}${this.series.isColour ? "" : unitsOf(this.series.image.display)}`;
  }
}
