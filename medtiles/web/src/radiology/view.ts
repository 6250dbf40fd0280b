// The radiology viewer: a stack or three planes, shown while they arrive, with the tools to read them.

import { RenderingEngine } from "@cornerstonejs/core";
import { annotation } from "@cornerstonejs/tools";

import { Problem, type Image } from "../api.ts";
import { Contrast } from "../contrast.ts";
import { append, el, iconButton } from "../dom.ts";
import { frameTime } from "../stack.ts";
import { hideToast, toast } from "../toast.ts";
import type { Remember, View } from "../viewer.ts";
import type { Windowing } from "../windowing.ts";
import { bytesText } from "./bytes.ts";
import { Cine } from "./cine.ts";
import { onProgress, progressOf } from "./frames.ts";
import { showHelp } from "./help.ts";
import type { Listener, Port } from "./port.ts";
import { Series } from "./series.ts";
import { setUp } from "./setup.ts";
import { StackPort } from "./stack_port.ts";
import { studyList } from "./study.ts";
import { Toolbox, TOOLS, type Tool } from "./tools.ts";
import { VolumePorts } from "./volume_ports.ts";

const ENGINE = "medtiles";

export class RadiologyView implements View, Listener {
  readonly element = el("div", { class: "radiology-view", tabindex: 0, role: "application" });
  readonly tools: HTMLElement[] = [];
  private readonly ports = el("div", { class: "viewports" });
  private readonly engine = new RenderingEngine(ENGINE);
  private readonly ended = new AbortController();
  private readonly study: HTMLElement;
  private readonly contrast: Contrast;
  private readonly slider: HTMLInputElement;
  private readonly cine: Cine;
  private readonly toolset = el("div", { class: "toolset", role: "group", "aria-label": "What dragging does" });
  private readonly volumeButton: HTMLButtonElement;
  private readonly observer = new ResizeObserver(() => this.engine.resize(true, !this.stack?.isFitted));
  private readonly endProgress: () => void;
  private readonly last: number;
  private readonly noVolume: string;
  private stack: StackPort | null = null;
  private volume: VolumePorts | null = null;
  private toolbox: Toolbox | null = null;
  private tool: Tool;
  private index: number;
  private shownIndex = -1;
  private values: [number, number] = [0, 255];
  private isSmooth = true;
  private isPlaced = false;
  private keeping = 0;

  private constructor(
    private readonly series: Series,
    private readonly start: Record<string, number>,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    const { image } = series;
    this.last = series.last;
    this.index = this.within(start["plane"] ?? (this.last + 1) / 2);
    this.noVolume = series.whyNoVolume();
    this.tool = series.isColour ? (this.last ? "scroll" : "pan") : this.last && isTouched() ? "scroll" : "window";
    this.contrast = new Contrast(image, () => this.refresh());
    this.cine = new Cine(1000 / frameTime(image), () => this.playOn());
    this.study = studyList(image, this.ended.signal);
    this.slider = el("input", { class: "slices", type: "range", min: 0, max: this.last, value: this.index, "aria-label": "Slice" });
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    this.volumeButton = iconButton("planes", "Three planes", () => void this.toggleVolume(), "V");
    this.element.dataset["image"] = image.id;
    this.element.setAttribute("aria-label", `${image.name}: wheel or arrow keys change the slice; question mark shows all keys`);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.endProgress = onProgress((progress) => {
      if (progress.imageId === this.series.imageIds[this.index]) this.writeLevel();
    });
    append(this.element, this.study, el("div", { class: "ground" }, this.ports, this.last > 0 && this.slider));
    stage.append(this.element);
    this.observer.observe(this.ports);
    this.makeTools();
  }

  /** Fetches what there is to know, and shows the image. */
  static async open(image: Image, start: Record<string, number>, remember: Remember, stage: HTMLElement, signal: AbortSignal): Promise<View> {
    setUp();
    const series = await Series.open(image, signal);
    signal.throwIfAborted();
    const view = new RadiologyView(series, start, remember, stage);
    if (start["volume"] && !view.noVolume) await view.showVolume();
    else view.showStack();
    view.element.focus({ preventScroll: true });
    return view;
  }

  close(): void {
    this.ended.abort();
    document.querySelector<HTMLDialogElement>("dialog.help")?.close();
    this.cine.stop();
    clearTimeout(this.keeping);
    this.observer.disconnect();
    this.endProgress();
    this.port?.close();
    this.toolbox?.close();
    annotation.state.removeAllAnnotations();
    this.engine.destroy();
  }

  // ---- what the viewports tell

  wanted(index: number): void {
    this.index = index;
    this.slider.value = String(index);
    this.writeSlice();
    this.writeLevel();
    this.later();
  }

  shown(index: number, values: [number, number], isWhole: boolean): void {
    const isNew = index !== this.shownIndex;
    this.shownIndex = index;
    this.element.dataset["plane"] = String(index);
    this.element.dataset["whole"] = String(isWhole);
    this.element.dataset["opened"] = "true";
    const display = this.series.display(index);
    const hasOwn = display.windows.length > 0;
    if (isNew || !hasOwn) this.values = values;
    const [slope, intercept] = [display.slope ?? 1, display.intercept ?? 0];
    this.contrast.follow({ display, low: (this.values[0] - intercept) / slope, high: (this.values[1] - intercept) / slope });
    this.refresh();
    this.place();
    if (isWhole && index === this.index) hideToast();
  }

  windowed(window: Windowing): void {
    this.contrast.adopt(window);
    this.writeWindow();
    this.later();
  }

  moved(): void {
    this.later();
  }

  hovered(text: string): void {
    const port = this.port;
    if (port) port.valueText.textContent = text;
  }

  failed(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.cine.stop();
    const text = error instanceof Problem || error instanceof Error ? error.message : String(error);
    const again = (): void => {
      hideToast();
      this.stack?.start(this.index);
    };
    toast(`Slice ${this.index + 1} cannot be shown: ${text}`, { label: "Try again", run: again });
  }

  // ---- slices

  private get port(): (StackPort | VolumePorts) & Port | null {
    return this.stack ?? this.volume;
  }

  private within(plane: number): number {
    return Math.min(Math.max(Math.trunc(plane), 0), this.last);
  }

  private show(index: number): void {
    if (this.stack) this.stack.show(this.within(index));
  }

  /** The next slice, once the present one is on the screen in full. */
  private playOn(): void {
    if (this.shownIndex === this.index && this.element.dataset["whole"] === "true") this.show((this.index + 1) % (this.last + 1));
  }

  // ---- stack and three planes

  /** Shows the stack; its slice comes by and by. */
  private showStack(): void {
    this.clear();
    this.stack = new StackPort(this.engine, this.series, this, this.ports);
    this.arm([this.stack.viewportId]);
    this.slider.hidden = false;
    if (this.start["centre"] !== undefined && this.start["width"] !== undefined && !this.contrast.isOwn) {
      this.contrast.set(this.start["centre"], this.start["width"]);
    }
    this.writeSlice();
    this.stack.start(this.index);
  }

  /** Where the address says that one looked; once. */
  private place(): void {
    const { zoom, x = 0, y = 0 } = this.start;
    if (this.stack && zoom && !this.isPlaced) this.stack.place(zoom, [x, y]);
    this.isPlaced = true;
  }

  private async showVolume(): Promise<void> {
    this.clear();
    this.slider.hidden = true;
    this.volume = new VolumePorts(this.engine, this.series, this, this.ports);
    await this.volume.start();
    this.arm(VolumePorts.ids);
  }

  private async toggleVolume(): Promise<void> {
    if (!this.stack) return this.showStack();
    if (this.noVolume) return toast(this.noVolume);
    try {
      await this.showVolume();
    } catch (error) {
      toast(`Three planes cannot be shown: ${error instanceof Error ? error.message : String(error)}`);
      this.showStack();
    }
  }

  /** Ends what is shown. */
  private clear(): void {
    this.cine.stop();
    this.toolbox?.close();
    this.port?.close();
    annotation.state.removeAllAnnotations();
    for (const viewport of this.engine.getViewports()) this.engine.disableElement(viewport.id);
    this.ports.replaceChildren();
    this.stack = this.volume = null;
    this.shownIndex = -1;
  }

  /** Gives tools to the viewports. */
  private arm(viewports: readonly string[]): void {
    const crosshairs = this.volume ? { crosshairs: VolumePorts.crosshairs } : {};
    const hasSlices = this.last > 0;
    this.toolbox = new Toolbox(ENGINE, { hasWindow: !this.series.isColour, hasSlices, ...crosshairs });
    for (const viewport of viewports) this.toolbox.add(viewport, ENGINE);
    this.toolset.replaceChildren();
    for (const [tool, shape, label, key] of TOOLS) {
      if (!this.toolbox.tools.includes(tool)) continue;
      const button = iconButton(shape, label, () => this.choose(tool), key);
      button.dataset["tool"] = tool;
      this.toolset.append(button);
    }
    this.choose(this.volume ? "crosshairs" : this.tool === "crosshairs" ? "window" : this.tool);
    this.volumeButton.setAttribute("aria-pressed", String(this.volume !== null));
    this.element.dataset["mode"] = this.volume ? "volume" : "stack";
    this.cine.button.hidden = this.volume !== null;
    this.later();
  }

  private choose(tool: Tool): void {
    if (!this.toolbox?.tools.includes(tool)) return;
    this.tool = tool;
    this.toolbox.choose(tool);
    for (const button of this.toolset.children) {
      button.setAttribute("aria-pressed", String((button as HTMLElement).dataset["tool"] === tool));
    }
  }

  // ---- what is said

  /** Draws with the window that holds, and says so. */
  private refresh(): void {
    this.port?.apply(this.contrast.window ?? this.contrast.allValues(), this.contrast.isInverted);
    this.writeWindow();
    this.writeSlice();
    this.writeLevel();
    this.later();
  }

  private writeWindow(): void {
    if (this.port) this.port.windowText.textContent = this.series.isColour ? "" : this.contrast.text();
  }

  private writeSlice(): void {
    if (!this.stack) return;
    const position = this.series.image.planes[this.index]?.position_mm;
    const depth = position === null || position === undefined ? "" : ` · ${position.toFixed(1)} mm`;
    this.stack.texts.slice.textContent = this.last ? `${this.index + 1} / ${this.last + 1}${depth}` : "";
  }

  /** The level on the screen, and how many bytes have come of how many. */
  private writeLevel(): void {
    if (!this.stack) return;
    const progress = progressOf(this.series.imageIds[this.index]!);
    const place = this.stack.texts.level;
    if (!progress) return void (place.textContent = "");
    const isHere = this.shownIndex === this.index && Number.isFinite(progress.reduction);
    const level = !isHere ? "waiting" : progress.reduction ? `level ${progress.reduction} · 1/${2 ** progress.reduction}` : "level 0 · full";
    const isAll = progress.bytes === progress.total;
    const bytes = isAll ? bytesText(progress.total) : `${bytesText(progress.bytes)} of ${bytesText(progress.total)}`;
    place.textContent = `${level} · ${bytes}`;
    place.dataset["bytes"] = String(progress.bytes);
    place.dataset["total"] = String(progress.total);
  }

  /** Writes the view into the address once it rests. */
  private later(): void {
    clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => this.keep(), 300);
  }

  private keep(): void {
    const { window, isOwn } = this.contrast;
    const view: Record<string, number> = this.volume ? { volume: 1 } : { plane: this.index };
    if (isOwn && window) Object.assign(view, { centre: window.centre, width: window.width });
    const place = this.stack?.view;
    if (place && !this.stack?.isFitted) Object.assign(view, place);
    this.remember(view);
  }

  // ---- controls

  private makeTools(): void {
    if (!this.series.isColour) this.tools.push(el("label", { class: "choice" }, el("span", {}, "Window"), this.contrast.choices));
    this.tools.push(this.toolset);
    if (!this.series.isColour) {
      this.tools.push(iconButton("invert", "Black and white exchanged", () => this.contrast.invert(), "X"));
    }
    if (this.last) this.tools.push(this.cine.button, this.cine.element, this.volumeButton);
    if (this.noVolume) this.volumeButton.setAttribute("aria-disabled", "true");
    if (this.noVolume) this.volumeButton.title = this.noVolume;
    this.tools.push(iconButton("series", "Series of the study", () => this.toggleStudy(), "S"));
    this.tools.push(iconButton("reset", "As at first", () => this.reset(), "R"));
    this.tools.push(iconButton("help", "Keys and gestures", showHelp, "?"));
  }

  private toggleStudy(): void {
    if (Number(this.study.dataset["count"] ?? 0) < 2) return toast("The study has no other series here.");
    this.study.hidden = !this.study.hidden;
  }

  private reset(): void {
    this.port?.reset();
    this.contrast.reset();
    annotation.state.removeAllAnnotations();
    this.engine.render();
  }

  private removeLastMeasurement(): void {
    const all = annotation.state.getAllAnnotations().filter((each) => each.metadata?.toolName !== "Crosshairs");
    const last = all.at(-1)?.annotationUID;
    if (last) annotation.state.removeAnnotation(last);
    this.engine.render();
  }

  private nextWindow(): void {
    const choices = this.contrast.choices;
    const shown = [...choices.options].filter((option) => !option.hidden).map((option) => option.value);
    choices.value = shown[(shown.indexOf(choices.value) + 1) % shown.length] ?? "";
    choices.dispatchEvent(new Event("change"));
  }

  private toggleSmooth(): void {
    this.isSmooth = !this.isSmooth;
    this.port?.smooth(this.isSmooth);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    const action = this.actions()[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }

  private actions(): Record<string, () => void> {
    const go = (index: number) => () => this.show(index);
    const tools = TOOLS.map(([tool, , , key]) => [key, () => this.choose(tool)] as const);
    return {
      ArrowUp: go(this.index - 1),
      ArrowLeft: go(this.index - 1),
      ArrowDown: go(this.index + 1),
      ArrowRight: go(this.index + 1),
      PageUp: go(this.index - 10),
      PageDown: go(this.index + 10),
      Home: go(0),
      End: go(this.last),
      "+": () => this.port?.zoomBy(1.25),
      "=": () => this.port?.zoomBy(1.25),
      "-": () => this.port?.zoomBy(0.8),
      z: () => this.port?.actualSize(),
      p: () => this.toggleSmooth(),
      "0": () => this.reset(),
      r: () => this.reset(),
      w: () => !this.series.isColour && this.nextWindow(),
      x: () => !this.series.isColour && this.contrast.invert(),
      v: () => void this.toggleVolume(),
      s: () => this.toggleStudy(),
      "[": () => this.cine.faster(0.8),
      "]": () => this.cine.faster(1.25),
      " ": () => this.last > 0 && this.stack && this.cine.toggle(),
      Delete: () => this.removeLastMeasurement(),
      Backspace: () => this.removeLastMeasurement(),
      "?": showHelp,
      ...Object.fromEntries(tools),
    };
  }
}

function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
