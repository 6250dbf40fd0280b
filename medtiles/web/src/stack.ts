// A radiology image: a stack of planes, windowed here, with zoom, pan, scrolling, cine and a ruler.

import { Problem, type Image } from "./api.ts";
import { Contrast, rounded, unitsOf } from "./contrast.ts";
import { append, el, iconButton } from "./dom.ts";
import { Gestures, type Target, type Tool } from "./gestures.ts";
import { Picture, type Point } from "./picture.ts";
import { ScaleBar } from "./scale.ts";
import { isWindowed, Slices, type Slice } from "./slices.ts";
import { hideToast, toast } from "./toast.ts";
import type { Remember, View } from "./viewer.ts";
import { modalityValue } from "./windowing.ts";

const TOOLS: [Tool, string, string, string][] = [
  ["window", "window", "Window: dragging changes contrast", "1"],
  ["pan", "pan", "Move", "2"],
  ["zoom", "zoom", "Zoom", "3"],
  ["ruler", "ruler", "Measure", "4"],
];
const USUAL_FRAME_TIME = 66;
const WHEEL_STEP = 60;

export class StackView implements View, Target {
  readonly element = el("div", { class: "stack-view", tabindex: 0, role: "application" });
  readonly tools: HTMLElement[] = [];
  private readonly picture: Picture;
  private readonly contrast: Contrast;
  private readonly slices: Slices;
  private readonly gestures: Gestures;
  private readonly scale = new ScaleBar();
  private readonly sliceText = el("div", { class: "slice-text" });
  private readonly windowText = el("div", { class: "window-text" });
  private readonly valueText = el("div", { class: "value-text" });
  private readonly slider: HTMLInputElement;
  private readonly toolButtons = new Map<Tool, HTMLButtonElement>();
  private readonly cine = iconButton("play", "Play", () => this.togglePlay(), "Space");
  private readonly last: number;
  private tool: Tool;
  private plane: number;
  private slice: Slice | null = null;
  private playing = 0;
  private keeping = 0;
  private carried = 0;

  constructor(
    private readonly image: Image,
    start: Record<string, number>,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    this.last = image.planes.length - 1;
    this.plane = this.within(start["plane"] ?? (this.last + 1) / 2);
    this.tool = isWindowed(image) ? "window" : "pan";
    this.picture = new Picture(image, this.element, (scale) => this.scale.update(scale));
    this.picture.place(start["zoom"] ?? 1, { x: start["x"] ?? 0, y: start["y"] ?? 0 });
    this.contrast = new Contrast(image, () => this.refresh());
    this.slices = new Slices(image, (slice) => this.arrived(slice));
    this.slider = el("input", { class: "slices", type: "range", min: 0, max: this.last, value: this.plane, "aria-label": "Slice" });
    this.slider.addEventListener("input", () => void this.showPlane(Number(this.slider.value)));
    this.element.setAttribute("aria-label", `${image.name}: wheel or arrow keys change the slice, dragging changes the window`);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.assemble(stage);
    this.gestures = new Gestures(this.picture.canvas, this);
    if (start["centre"] !== undefined && start["width"] !== undefined) this.contrast.set(start["centre"], start["width"]);
    this.element.focus({ preventScroll: true });
    void this.showPlane(this.plane);
  }

  close(): void {
    this.stop();
    clearTimeout(this.keeping);
    this.gestures.close();
    this.picture.close();
    this.slices.close();
  }

  // ---- what gestures mean

  currentTool(): Tool {
    return this.tool;
  }

  dragWindow(dx: number, dy: number): void {
    this.contrast.drag(dx, dy);
  }

  dragPan(dx: number, dy: number): void {
    this.picture.place(this.picture.zoom, { x: this.picture.pan.x + dx, y: this.picture.pan.y + dy });
    this.later();
  }

  zoomAt(factor: number, point: Point): void {
    this.picture.zoomAt(factor, point);
    this.later();
  }

  /** Turns the wheel's way into whole slices; an image of one plane zooms instead. */
  wheel(delta: number, point: Point): void {
    if (!this.last) {
      this.zoomAt(Math.exp(-delta / 400), point);
      return;
    }
    this.carried += delta / WHEEL_STEP;
    const steps = Math.trunc(this.carried);
    this.carried -= steps;
    if (steps) void this.showPlane(this.plane + Math.sign(steps) * Math.min(Math.abs(steps), 5));
  }

  measure(from: Point, to: Point): void {
    this.picture.measure(from, to);
  }

  hover(point: Point): void {
    this.valueText.textContent = this.valueAt(this.picture.toImage(point));
  }

  reset(): void {
    this.picture.reset();
    this.contrast.reset();
  }

  // ---- slices

  private within(plane: number): number {
    return Math.min(Math.max(Math.trunc(plane), 0), this.last);
  }

  private async showPlane(plane: number): Promise<void> {
    const wanted = (this.plane = this.within(plane));
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
    this.slice = slice;
    this.element.dataset["opened"] = "true";
    this.element.dataset["plane"] = String(slice.plane);
    this.contrast.follow(slice);
    this.refresh();
  }

  private showProblem(error: unknown): void {
    this.stop();
    const text = error instanceof Problem || error instanceof Error ? error.message : String(error);
    const again = (): void => {
      hideToast();
      void this.showPlane(this.plane);
    };
    toast(`Slice ${this.plane + 1} cannot be shown: ${text}`, { label: "Try again", run: again });
  }

  /** Draws what there is, and says so. */
  private refresh(): void {
    this.picture.show(this.slice, this.contrast.window, this.contrast.isInverted);
    this.updateTexts();
    this.later();
  }

  private updateTexts(): void {
    const position = this.image.planes[this.plane]?.position_mm;
    const depth = position === null || position === undefined ? "" : ` · ${position.toFixed(1)} mm`;
    this.sliceText.textContent = this.last ? `${this.plane + 1} / ${this.last + 1}${depth}` : "";
    this.windowText.textContent = this.contrast.text();
  }

  private valueAt(point: Point): string {
    const slice = this.slice;
    const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
    if (!slice || x < 0 || y < 0 || x >= this.image.width || y >= this.image.height) return "";
    if (!slice.samples) return `${x}, ${y}`;
    const column = Math.min(Math.floor((x * slice.width) / this.image.width), slice.width - 1);
    const row = Math.min(Math.floor((y * slice.height) / this.image.height), slice.height - 1);
    const value = modalityValue(slice.samples[row * slice.width + column]!, slice.display);
    return `${x}, ${y}: ${rounded(value)}${unitsOf(slice.display)}`;
  }

  /** Writes the view into the address once it rests. */
  private later(): void {
    clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => {
      const { zoom, pan } = this.picture;
      const { window, isOwn } = this.contrast;
      const view: Record<string, number> = { plane: this.plane };
      if (isOwn && window) Object.assign(view, { centre: window.centre, width: window.width });
      if (zoom !== 1 || pan.x || pan.y) Object.assign(view, { zoom, ...pan });
      this.remember(view);
    }, 300);
  }

  // ---- cine

  private togglePlay(): void {
    if (this.playing) this.stop();
    else this.playing = window.setInterval(() => this.playOn(), frameTime(this.image));
    this.cine.setAttribute("aria-pressed", String(this.playing !== 0));
  }

  /** The next slice, once the present one is on the screen. */
  private playOn(): void {
    if (this.slice?.plane === this.plane) void this.showPlane((this.plane + 1) % (this.last + 1));
  }

  private stop(): void {
    clearInterval(this.playing);
    this.playing = 0;
    this.cine.setAttribute("aria-pressed", "false");
  }

  // ---- controls

  private assemble(stage: HTMLElement): void {
    const left = el("div", { class: "corner" }, this.scale.element, this.windowText);
    const right = el("div", { class: "corner right" }, this.sliceText, this.valueText);
    append(this.element, this.picture.canvas, left, right, this.last > 0 && this.slider);
    stage.append(this.element);
    if (isWindowed(this.image)) this.tools.push(el("label", { class: "choice" }, "Window", this.contrast.choices));
    this.tools.push(this.toolset());
    if (isWindowed(this.image)) {
      this.tools.push(iconButton("invert", "Black and white exchanged", () => this.contrast.invert(), "X"));
    }
    if (this.last) this.tools.push(this.cine);
    this.tools.push(iconButton("reset", "As at first", () => this.reset(), "R"));
    this.chooseTool(this.tool);
  }

  private toolset(): HTMLElement {
    const group = el("div", { class: "toolset", role: "group", "aria-label": "What dragging does" });
    for (const [tool, shape, label, key] of TOOLS) {
      if (tool === "window" && !isWindowed(this.image)) continue;
      const button = iconButton(shape, label, () => this.chooseTool(tool), key);
      this.toolButtons.set(tool, button);
      group.append(button);
    }
    return group;
  }

  private chooseTool(tool: Tool): void {
    if (!this.toolButtons.has(tool)) return;
    this.tool = tool;
    this.element.dataset["tool"] = tool;
    for (const [each, button] of this.toolButtons) button.setAttribute("aria-pressed", String(each === tool));
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
    const go = (plane: number) => () => void this.showPlane(plane);
    const box = this.element.getBoundingClientRect();
    const middle = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    const zoom = (factor: number) => () => this.zoomAt(factor, middle);
    const tools = TOOLS.map(([tool, , , key]) => [key, () => this.chooseTool(tool)] as const);
    return {
      ArrowUp: go(this.plane - 1),
      ArrowLeft: go(this.plane - 1),
      ArrowDown: go(this.plane + 1),
      ArrowRight: go(this.plane + 1),
      PageUp: go(this.plane - 10),
      PageDown: go(this.plane + 10),
      Home: go(0),
      End: go(this.last),
      "+": zoom(1.25),
      "=": zoom(1.25),
      "-": zoom(0.8),
      "0": () => this.reset(),
      r: () => this.reset(),
      x: () => isWindowed(this.image) && this.contrast.invert(),
      " ": () => this.last > 0 && this.togglePlay(),
      ...Object.fromEntries(tools),
    };
  }
}

/** Milliseconds of a frame, as the file says (Frame Time, or Cine Rate), within reason. */
export function frameTime(image: Image): number {
  const said = Number(image.properties["FrameTime"]) || 1000 / Number(image.properties["CineRate"]);
  return Number.isFinite(said) ? Math.min(Math.max(said, 16), 1000) : USUAL_FRAME_TIME;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
