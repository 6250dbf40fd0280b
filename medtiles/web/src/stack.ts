// A radiology image: a stack of planes on a canvas, windowed here, with zoom, pan, scrolling, cine and a ruler.

import { Problem, type Image, type Window } from "./api.ts";
import { append, el, iconButton } from "./dom.ts";
import { Gestures, type Tool } from "./gestures.ts";
import { lengthText, ScaleBar } from "./scale.ts";
import { isWindowed, Slices, type Slice } from "./slices.ts";
import { toast } from "./toast.ts";
import type { Remember, View } from "./viewer.ts";
import { grey, modalityValue, paint, type Windowing } from "./windowing.ts";

interface Point {
  x: number;
  y: number;
}

const TOOLS: [Tool, string, string, string][] = [
  ["window", "window", "Window: drag changes contrast", "1"],
  ["pan", "pan", "Move", "2"],
  ["zoom", "zoom", "Zoom", "3"],
  ["ruler", "ruler", "Measure", "4"],
];
const CT_WINDOWS: [string, number, number][] = [
  ["Soft tissue", 40, 400],
  ["Lung", -600, 1500],
  ["Bone", 400, 1800],
  ["Brain", 40, 80],
];
const FRAMES_PER_SECOND = 15;

export class StackView implements View {
  readonly element = el("div", { class: "stack-view", tabindex: 0, role: "application" });
  readonly tools: HTMLElement[] = [];
  private readonly canvas = el("canvas", {});
  private readonly sheet = document.createElement("canvas");
  private readonly slices: Slices;
  private readonly gestures: Gestures;
  private readonly scale = new ScaleBar();
  private readonly sliceText = el("div", { class: "slice-text" });
  private readonly windowText = el("div", { class: "window-text" });
  private readonly valueText = el("div", { class: "value-text" });
  private readonly slider: HTMLInputElement;
  private readonly presets = el("select", { "aria-label": "Window" });
  private readonly toolButtons = new Map<Tool, HTMLButtonElement>();
  private readonly cine: HTMLButtonElement;
  private readonly observer = new ResizeObserver(() => this.redraw());
  private readonly isWindowed: boolean;
  private readonly aspect: number;
  private readonly onKey = (event: KeyboardEvent): void => this.key(event);
  private tool: Tool = "window";
  private plane: number;
  private slice: Slice | null = null;
  private window: Windowing | null = null;
  private isInverted = false;
  private isOwnWindow = false;
  private zoom = 1;
  private pan: Point = { x: 0, y: 0 };
  private ruler: { from: Point; to: Point } | null = null;
  private needsPaint = true;
  private frame = 0;
  private playing = 0;
  private keeping = 0;
  private carried = 0;

  constructor(
    private readonly image: Image,
    start: Record<string, number>,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    const last = image.planes.length - 1;
    this.isWindowed = isWindowed(image);
    this.aspect = image.spacing_mm ? image.spacing_mm[1] / image.spacing_mm[0] : 1;
    this.plane = Math.min(Math.max(Math.trunc(start["plane"] ?? (last + 1) / 2), 0), last);
    this.zoom = clamp(start["zoom"] ?? 1, 0.2, 40);
    this.pan = { x: start["x"] ?? 0, y: start["y"] ?? 0 };
    if (start["centre"] !== undefined && (start["width"] ?? 0) > 0) this.ownWindow(start["centre"], start["width"]!);
    this.slices = new Slices(image, (slice) => this.arrived(slice));
    this.slider = el("input", { class: "slices", type: "range", min: 0, max: last, value: this.plane, "aria-label": "Slice" });
    this.slider.addEventListener("input", () => this.showPlane(Number(this.slider.value)));
    this.cine = iconButton("play", "Play", () => this.togglePlay(), "Space");
    this.element.setAttribute("aria-label", `${image.name}: wheel or arrow keys change the slice, drag changes the window`);
    this.assemble(stage, last > 0);
    this.gestures = new Gestures(this.canvas, this);
    this.observer.observe(this.element);
    this.element.addEventListener("keydown", this.onKey);
    this.element.focus({ preventScroll: true });
    void this.showPlane(this.plane);
  }

  close(): void {
    this.stop();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.keeping);
    this.observer.disconnect();
    this.gestures.close();
    this.slices.close();
  }

  // ---- what gestures do

  currentTool(): Tool {
    return this.tool === "window" && !this.isWindowed ? "pan" : this.tool;
  }

  dragWindow(dx: number, dy: number): void {
    const now = this.window ?? this.defaultWindow();
    if (!now) return;
    const step = Math.max(Math.abs(now.width), 1) / 300;
    this.ownWindow(now.centre + dy * step, Math.max(now.width + dx * step, this.image.pixels.float ? 1e-6 : 1));
    this.windowChanged();
  }

  dragPan(dx: number, dy: number): void {
    this.pan = { x: this.pan.x + dx, y: this.pan.y + dy };
    this.redraw();
  }

  zoomAt(factor: number, x: number, y: number): void {
    const box = this.element.getBoundingClientRect();
    const from = { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 };
    const next = clamp(this.zoom * factor, 0.2, 40);
    const real = next / this.zoom;
    this.pan = { x: from.x - (from.x - this.pan.x) * real, y: from.y - (from.y - this.pan.y) * real };
    this.zoom = next;
    this.redraw();
  }

  /** Turns the wheel's way into whole slices; an image of one plane zooms instead. */
  wheel(delta: number, x: number, y: number): void {
    if (this.image.planes.length < 2) {
      this.zoomAt(Math.exp(-delta / 400), x, y);
      return;
    }
    this.carried += delta / 60;
    const steps = Math.trunc(this.carried);
    this.carried -= steps;
    if (steps) this.showPlane(this.plane + Math.sign(steps) * Math.min(Math.abs(steps), 5));
  }

  measure(from: Point, to: Point): void {
    this.ruler = { from: this.toImage(from), to: this.toImage(to) };
    this.redraw();
  }

  hover(point: Point): void {
    this.valueText.textContent = this.valueAt(this.toImage(point));
  }

  reset(): void {
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };
    this.ruler = null;
    this.isInverted = false;
    this.isOwnWindow = false;
    this.window = this.defaultWindow();
    this.windowChanged();
  }

  // ---- slices

  private async showPlane(plane: number): Promise<void> {
    const wanted = clamp(plane, 0, this.image.planes.length - 1);
    this.plane = wanted;
    this.slider.value = String(wanted);
    this.updateTexts();
    this.later();
    try {
      const slice = await this.slices.want(wanted);
      if (this.plane === wanted) this.use(slice);
    } catch (error) {
      if (this.plane === wanted && !isAbort(error)) this.showProblem(error);
    }
  }

  private arrived(slice: Slice): void {
    if (slice.plane === this.plane && this.slice?.plane !== this.plane) this.use(slice);
  }

  private use(slice: Slice): void {
    const isFirst = this.slice === null;
    this.slice = slice;
    this.element.dataset["plane"] = String(slice.plane);
    if (!this.isOwnWindow) this.window = this.defaultWindow();
    if (isFirst) {
      this.fillPresets();
      this.element.dataset["opened"] = "true";
    }
    this.windowChanged();
  }

  private showProblem(error: unknown): void {
    this.stop();
    const text = error instanceof Problem ? error.message : String(error);
    toast(`Slice ${this.plane + 1} cannot be shown: ${text}`, { label: "Load again", run: () => location.reload() });
  }

  // ---- window

  private defaultWindow(): Windowing | null {
    const display = this.slice?.display ?? this.image.display;
    const first = display.windows[0];
    if (display.voi_lut || !first) return null;
    return asWindowing(first);
  }

  private ownWindow(centre: number, width: number): void {
    const kind = this.window?.function ?? this.image.display.windows[0]?.function ?? "LINEAR";
    this.window = { centre, width, function: kind };
    this.isOwnWindow = true;
  }

  private windowChanged(): void {
    this.needsPaint = true;
    this.updateTexts();
    this.redraw();
    this.later();
  }

  private fillPresets(): void {
    if (!this.isWindowed) {
      this.presets.parentElement?.remove();
      return;
    }
    const display = this.slice?.display ?? this.image.display;
    const named: [string, number, number][] = display.windows
      .map((window, index) => [window, index] as const)
      .filter(([window]) => window.centre !== null && window.width !== null)
      .map(([window, index]) => [window.explanation || `Window ${index + 1} of the file`, window.centre!, window.width!]);
    const isCt = this.image.dicom?.modality === "CT";
    const all = [...named, ...(isCt ? CT_WINDOWS : [])];
    this.presets.replaceChildren(
      el("option", { value: "" }, display.voi_lut ? "Default (LUT)" : "Default"),
      ...all.map(([name, centre, width]) => el("option", { value: `${centre},${width}` }, `${name} (${round(centre)} / ${round(width)})`)),
      el("option", { value: "all" }, "All values"),
    );
    this.presets.addEventListener("change", () => this.usePreset(this.presets.value));
  }

  private usePreset(value: string): void {
    const [centre, width] = value.split(",").map(Number);
    if (value === "all" && this.slice) {
      const ends = [this.slice.low, this.slice.high].map((stored) => modalityValue(stored, this.slice!.display));
      const [low, high] = [Math.min(...ends), Math.max(...ends)];
      this.ownWindow((low + high) / 2, Math.max(high - low, 1));
    } else if (value && centre !== undefined && width !== undefined) this.ownWindow(centre, width);
    else {
      this.isOwnWindow = false;
      this.window = this.defaultWindow();
    }
    this.element.focus({ preventScroll: true });
    this.windowChanged();
  }

  // ---- drawing

  private redraw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
    this.later();
  }

  private draw(): void {
    this.frame = 0;
    const slice = this.slice;
    const box = this.element.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * density), Math.round(box.height * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    if (!context || !slice) return;
    if (this.needsPaint) this.paintSheet(slice);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const place = this.place();
    context.setTransform(density, 0, 0, density, 0, 0);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = place.scale < 6;
    context.drawImage(slice.picture ?? this.sheet, place.x, place.y, place.width, place.height);
    if (this.ruler) this.drawRuler(context);
    const spacing = this.image.spacing_mm;
    this.scale.update(spacing ? spacing[0] / place.scale : null);
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

  /** Where the image lies on the screen, in CSS pixels, and screen pixels for each image column. */
  private place(): { x: number; y: number; width: number; height: number; scale: number } {
    const box = this.element.getBoundingClientRect();
    const tall = this.image.height * this.aspect;
    const scale = Math.min(box.width / this.image.width, box.height / tall) * this.zoom;
    const [width, height] = [this.image.width * scale, tall * scale];
    return { x: (box.width - width) / 2 + this.pan.x, y: (box.height - height) / 2 + this.pan.y, width, height, scale };
  }

  private toImage(point: Point): Point {
    const box = this.element.getBoundingClientRect();
    const place = this.place();
    return {
      x: ((point.x - box.left - place.x) / place.width) * this.image.width,
      y: ((point.y - box.top - place.y) / place.height) * this.image.height,
    };
  }

  private drawRuler(context: CanvasRenderingContext2D): void {
    const { from, to } = this.ruler!;
    const place = this.place();
    const screen = (point: Point): [number, number] => [
      place.x + (point.x / this.image.width) * place.width,
      place.y + (point.y / this.image.height) * place.height,
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

  // ---- texts

  private updateTexts(): void {
    const count = this.image.planes.length;
    const plane = this.image.planes[this.plane];
    const position = plane?.position_mm;
    const depth = position === null || position === undefined ? "" : ` · ${position.toFixed(1)} mm`;
    this.sliceText.textContent = count > 1 ? `${this.plane + 1} / ${count}${depth}` : "";
    const display = this.slice?.display ?? this.image.display;
    const units = display.units && display.units !== "US" ? ` ${display.units}` : "";
    const lut = display.voi_lut && this.isWindowed ? "VOI LUT" : "";
    this.windowText.textContent = this.window
      ? `C ${round(this.window.centre)}  W ${round(this.window.width)}${units}`
      : lut;
    if (!this.isOwnWindow) this.presets.value = "";
  }

  private valueAt(point: Point): string {
    const slice = this.slice;
    const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
    if (!slice || x < 0 || y < 0 || x >= this.image.width || y >= this.image.height) return "";
    if (!slice.samples) return `${x}, ${y}`;
    const column = Math.min(Math.floor((x * slice.width) / this.image.width), slice.width - 1);
    const row = Math.min(Math.floor((y * slice.height) / this.image.height), slice.height - 1);
    const value = modalityValue(slice.samples[row * slice.width + column]!, slice.display);
    const units = slice.display.units && slice.display.units !== "US" ? ` ${slice.display.units}` : "";
    return `${x}, ${y}: ${round(value)}${units}`;
  }

  /** Writes the view into the address once it rests. */
  private later(): void {
    clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => {
      const view: Record<string, number> = { plane: this.plane };
      if (this.isOwnWindow && this.window) Object.assign(view, { centre: this.window.centre, width: this.window.width });
      if (this.zoom !== 1 || this.pan.x || this.pan.y) Object.assign(view, { zoom: this.zoom, ...this.pan });
      this.remember(view);
    }, 300);
  }

  // ---- controls

  private assemble(stage: HTMLElement, isStack: boolean): void {
    append(
      this.element,
      this.canvas,
      el("div", { class: "corner" }, this.scale.element, this.windowText),
      el("div", { class: "corner right" }, this.sliceText, this.valueText),
      isStack && this.slider,
    );
    stage.append(this.element);
    const group = el("div", { class: "toolset", role: "group", "aria-label": "What dragging does" });
    for (const [tool, shape, label, key] of TOOLS) {
      if (tool === "window" && !this.isWindowed) continue;
      const button = iconButton(shape, label, () => this.chooseTool(tool), key);
      this.toolButtons.set(tool, button);
      group.append(button);
    }
    this.tools.push(el("label", { class: "choice" }, "Window", this.presets), group);
    if (this.isWindowed) this.tools.push(iconButton("invert", "Black and white exchanged", () => this.invert(), "X"));
    if (isStack) this.tools.push(this.cine);
    this.tools.push(iconButton("reset", "As at first", () => this.reset(), "R"));
    this.chooseTool(this.isWindowed ? "window" : "pan");
  }

  private chooseTool(tool: Tool): void {
    this.tool = tool;
    this.element.dataset["tool"] = tool;
    for (const [each, button] of this.toolButtons) button.setAttribute("aria-pressed", String(each === tool));
  }

  private invert(): void {
    this.isInverted = !this.isInverted;
    this.windowChanged();
  }

  private togglePlay(): void {
    if (this.playing) this.stop();
    else this.playing = window.setInterval(() => this.playOn(), 1000 / FRAMES_PER_SECOND);
    this.cine.setAttribute("aria-pressed", String(this.playing !== 0));
  }

  /** The next slice, once the present one is on the screen. */
  private playOn(): void {
    if (this.slice?.plane === this.plane) void this.showPlane((this.plane + 1) % this.image.planes.length);
  }

  private stop(): void {
    clearInterval(this.playing);
    this.playing = 0;
    this.cine.setAttribute("aria-pressed", "false");
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.actions()[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }

  private actions(): Record<string, () => void> {
    const last = this.image.planes.length - 1;
    const go = (plane: number) => () => void this.showPlane(plane);
    const box = this.element.getBoundingClientRect();
    const zoom = (factor: number) => () => this.zoomAt(factor, box.left + box.width / 2, box.top + box.height / 2);
    const tools = Object.fromEntries(TOOLS.filter(([tool]) => this.toolButtons.has(tool)).map(([tool, , , key]) => [key, () => this.chooseTool(tool)]));
    return {
      ArrowUp: go(this.plane - 1),
      ArrowLeft: go(this.plane - 1),
      ArrowDown: go(this.plane + 1),
      ArrowRight: go(this.plane + 1),
      PageUp: go(this.plane - 10),
      PageDown: go(this.plane + 10),
      Home: go(0),
      End: go(last),
      "+": zoom(1.25),
      "=": zoom(1.25),
      "-": zoom(0.8),
      "0": () => this.reset(),
      r: () => this.reset(),
      x: () => this.isWindowed && this.invert(),
      " ": () => last > 0 && this.togglePlay(),
      ...tools,
    };
  }
}

function asWindowing(window: Window): Windowing | null {
  if (window.centre === null || window.width === null) return null;
  return { centre: window.centre, width: window.width, function: window.function };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function round(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
