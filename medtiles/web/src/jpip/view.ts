// An image as it streams by JPIP: what is looked at comes, coarse before fine, and nothing twice.

import { getDisplay, type Display, type Image } from "../api.ts";
import { Contrast } from "../contrast.ts";
import { append, el, iconButton } from "../dom.ts";
import { Gestures, type Target, type Tool } from "../gestures.ts";
import type { Point } from "../picture.ts";
import { planeChooser } from "../planes.ts";
import { ScaleBar } from "../scale.ts";
import { isWindowed } from "../slices.ts";
import { hideToast, toast } from "../toast.ts";
import type { Remember, View } from "../viewer.ts";
import { Bins } from "./bins.ts";
import { Decoding } from "./decoding.ts";
import { EXTENDED_PRECINCT, PRECINCT, TILE_HEADER, type Message } from "./messages.ts";
import { makePiece, Pieces, sheetOf, type Part } from "./pieces.ts";
import { choose, getPlaces, type Choice, type Place } from "./places.ts";
import { Session } from "./session.ts";
import { MainHeader, Tile, type Bounds } from "./tile_codestream.ts";

const CLOSEST = 16; // screen pixels for each of the image's
const SHARP_FROM = 4;
const MOST_PIXELS = 36e6; // of one decoded tile

export class JpipView implements View, Target {
  readonly element = el("div", { class: "stack-view jpip-view", tabindex: 0, role: "application" });
  readonly tools: HTMLElement[];
  private readonly canvas = el("canvas", {});
  private readonly scaleBar = new ScaleBar();
  private readonly meter = el("progress", { max: 1, value: 0, "aria-label": "Received" });
  private readonly meterText = el("span", {});
  private readonly state = el("div", { class: "jpip-state", role: "status" });
  private readonly gestures: Gestures;
  private readonly observer = new ResizeObserver(() => this.moved());
  private readonly contrast: Contrast;
  private readonly bins = new Bins();
  private readonly pieces = new Pieces();
  private readonly decoding = new Decoding();
  private readonly session: Session;
  private readonly mains = new Map<number, MainHeader>();
  private readonly parsed = new Map<string, Tile>();
  /** How many messages of each tile have come. */
  private readonly messages = new Map<string, number>();
  /** Tiles that cannot be decoded, with the number of messages they had then. */
  private readonly broken = new Map<string, number>();
  private readonly controller = new AbortController();
  /** Of a pixel: its height to its width, so that it is drawn as it is in the patient. */
  private readonly aspect: number;
  private display: Display;
  private plane: number;
  private tool: Tool = "pan";
  /** Screen pixels for each of the image's; its point in the middle of the screen. */
  private scale = 0;
  private centre: Point;
  private drawing = 0;
  private keeping = 0;
  private isDecoding = false;
  private hasMore = false;
  private isRefused = false;
  /** Why a tile could not be decoded. */
  private trouble: unknown = null;
  private isClosed = false;

  private constructor(
    private readonly image: Image,
    private readonly places: Place[],
    private readonly start: Record<string, number>,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    this.plane = Math.min(Math.max(Math.trunc(start["plane"] ?? 0), 0), image.planes.length - 1);
    this.display = image.display;
    this.aspect = image.spacing_mm ? image.spacing_mm[1] / image.spacing_mm[0] : 1;
    this.centre = { x: start["x"] ?? image.width / 2, y: start["y"] ?? image.height / 2 };
    this.contrast = new Contrast(image, () => this.repaint());
    this.contrast.follow({ display: image.display, low: 0, high: 2 ** image.pixels.bits_stored - 1 });
    if (start["centre"] !== undefined && start["width"] !== undefined) this.contrast.set(start["centre"], start["width"]);
    this.session = new Session(image.id, this.bins, {
      came: (message) => this.came(message),
      changed: () => {
        this.tell();
        if (this.trouble) void this.decodeOn();
      },
      failed: (problem) => this.explain(problem),
    });
    if (image.kind === "slide") this.element.dataset["paper"] = "true";
    append(this.element, this.canvas, el("div", { class: "corner" }, this.scaleBar.element, this.state));
    append(this.state, this.meter, this.meterText);
    this.element.setAttribute("aria-label", `${image.name}, streamed by JPIP: dragging or arrow keys move, wheel, plus and minus zoom`);
    this.element.addEventListener("keydown", (event) => this.key(event));
    stage.append(this.element);
    this.gestures = new Gestures(this.canvas, this);
    this.tools = this.makeTools();
    this.chooseTool("pan");
    this.observer.observe(this.element);
    this.element.focus({ preventScroll: true });
    void this.choosePlane(this.plane);
  }

  static async open(image: Image, start: Record<string, number>, remember: Remember, stage: HTMLElement, signal: AbortSignal): Promise<JpipView> {
    const places = await getPlaces(image, signal);
    return new JpipView(image, places, start, remember, stage);
  }

  close(): void {
    this.isClosed = true;
    this.controller.abort();
    cancelAnimationFrame(this.drawing);
    clearTimeout(this.keeping);
    this.observer.disconnect();
    this.gestures.close();
    this.session.close();
    this.decoding.close();
  }

  // ---- what gestures mean

  currentTool(): Tool {
    return this.tool;
  }

  dragWindow(dx: number, dy: number): void {
    this.contrast.drag(dx, dy);
    this.later();
  }

  dragPan(dx: number, dy: number): void {
    this.look(this.scale, { x: this.centre.x - dx / this.scale, y: this.centre.y - dy / this.scale / this.aspect });
  }

  /** Zooms so that what lies under a point stays there. */
  zoomAt(factor: number, point: Point): void {
    const box = this.element.getBoundingClientRect();
    const from = { x: point.x - box.left - box.width / 2, y: point.y - box.top - box.height / 2 };
    const scale = this.within(this.scale * factor);
    const change = 1 / this.scale - 1 / scale;
    this.look(scale, { x: this.centre.x + from.x * change, y: this.centre.y + (from.y * change) / this.aspect });
  }

  wheel(delta: number, point: Point): void {
    this.zoomAt(Math.exp(-delta / 400), point);
  }

  measure(): void {
    // no ruler here
  }

  hover(): void {
    // no values here
  }

  reset(): void {
    this.contrast.reset();
    this.look(this.wholeScale(), { x: this.image.width / 2, y: this.image.height / 2 });
  }

  // ---- where one looks

  private look(scale: number, centre: Point): void {
    const { width, height } = this.image;
    this.scale = this.within(scale);
    this.centre = { x: Math.min(Math.max(centre.x, 0), width), y: Math.min(Math.max(centre.y, 0), height) };
    this.moved();
    this.later();
  }

  private within(scale: number): number {
    return Math.min(Math.max(scale, this.wholeScale() / 2), CLOSEST);
  }

  /** At which the whole image is seen. */
  private wholeScale(): number {
    const box = this.element.getBoundingClientRect();
    return Math.min(box.width / this.image.width, box.height / this.image.height / this.aspect) || 1;
  }

  /** What is seen of the image. */
  private seen(): Part {
    const box = this.element.getBoundingClientRect();
    const [width, height] = [box.width / this.scale, box.height / this.scale / this.aspect];
    return { x: this.centre.x - width / 2, y: this.centre.y - height / 2, width, height };
  }

  private async choosePlane(plane: number): Promise<void> {
    this.plane = plane;
    this.isRefused = false;
    this.later();
    try {
      this.display = plane ? await getDisplay(this.image.id, plane, this.controller.signal) : this.image.display;
    } catch {
      this.display = this.image.display; // what matters comes by the session, which tells what is wrong
    }
    if (this.isClosed || this.plane !== plane) return;
    this.followRange();
    this.moved();
  }

  private followRange(): void {
    const [low, high] = this.pieces.range(this.plane) ?? [0, 2 ** this.image.pixels.bits_stored - 1];
    this.contrast.follow({ display: this.display, low, high });
    const isPlain = !this.display.windows.length && !this.display.voi_lut && this.image.pixels.bits_stored > 8;
    if (isPlain && !this.contrast.isOwn) this.contrast.window = this.contrast.allValues();
    this.pieces.repaint();
  }

  /** Asks for what is seen now, and draws what there is of it. */
  private moved(): void {
    if (this.isClosed || !this.element.clientWidth) return;
    if (!this.scale) this.scale = this.within(this.start["zoom"] ?? this.wholeScale());
    this.redraw();
    const choice = this.choice();
    if (!choice) return this.refuse("The image has no codestream of this plane.");
    const { stream } = choice.place;
    const main = this.main(stream);
    if (!main) return this.session.want({ stream });
    if (main.isSubsampled) return this.refuse("Components of other sizes than the image are not shown by JPIP here.");
    const [left, top, right, bottom] = this.seenOnGrid(choice, main);
    const step = 2 ** choice.reduction;
    const [x0, y0] = main.bounds;
    const size = main.bounds.map((side) => Math.ceil(side / step)) as Bounds;
    const [x, y] = [Math.floor((left - x0) / step), Math.floor((top - y0) / step)];
    const region = [Math.ceil((right - x0) / step) - x, Math.ceil((bottom - y0) / step) - y] as [number, number];
    if (region[0] < 1 || region[1] < 1) return;
    this.session.want({ stream, size: [size[2] - size[0], size[3] - size[1]], offset: [x, y], region });
    void this.decodeOn();
  }

  /** The codestream and reduction for the present zoom. */
  private choice(): Choice | null {
    const found = choose(this.places, this.plane, this.image, this.scale * (window.devicePixelRatio || 1));
    const main = found && this.main(found.place.stream);
    return main ? { ...found, reduction: Math.min(found.reduction, main.decompositions) } : found;
  }

  /** What is seen, on the reference grid of a codestream. */
  private seenOnGrid({ place }: Choice, main: MainHeader): Bounds {
    const { x, y, width, height } = this.seen();
    const [x0, y0, x1, y1] = main.bounds;
    const [dx, dy] = [place.width / this.image.width, place.height / this.image.height];
    return [
      Math.max(x0, Math.floor(x0 + x * dx)),
      Math.max(y0, Math.floor(y0 + y * dy)),
      Math.min(x1, Math.ceil(x0 + (x + width) * dx)),
      Math.min(y1, Math.ceil(y0 + (y + height) * dy)),
    ];
  }

  // ---- what has come

  private came({ kind, stream, id }: Message): void {
    const main = this.main(stream);
    if (!main) return;
    if (kind !== PRECINCT && kind !== EXTENDED_PRECINCT && kind !== TILE_HEADER) return this.moved(); // the main header is there
    const key = keyOf(stream, kind === TILE_HEADER ? id : id % main.tiles);
    this.messages.set(key, (this.messages.get(key) ?? 0) + 1);
    void this.decodeOn();
  }

  private main(stream: number): MainHeader | undefined {
    const kept = this.mains.get(stream);
    const bytes = kept ? null : this.bins.mainHeader(stream);
    if (!bytes) return kept;
    const found = new MainHeader(bytes);
    this.mains.set(stream, found);
    return found;
  }

  private tile(stream: number, main: MainHeader, number: number): Tile | null {
    const key = keyOf(stream, number);
    const kept = this.parsed.get(key);
    const header = kept ? null : this.bins.tileHeader(stream, number);
    if (!header) return kept ?? null;
    const found = new Tile(main, number, header);
    this.parsed.set(key, found);
    return found;
  }

  /** Decodes what is seen and has got better, the middle first, until nothing is left. */
  private async decodeOn(): Promise<void> {
    this.hasMore = true;
    if (this.isDecoding) return;
    this.isDecoding = true;
    try {
      while (this.hasMore && !this.isClosed) {
        this.hasMore = false; // until something comes, here or while the worker decodes
        while (await this.decodeOne());
      }
    } finally {
      this.isDecoding = false;
    }
    this.tell();
    // what is cut by an answer under way may be whole with the next message
    if (this.trouble && !this.session.isBusy) this.explain(this.trouble);
  }

  /** Whether there was something to decode. */
  private async decodeOne(): Promise<boolean> {
    const choice = this.isClosed ? null : this.choice();
    const main = choice && this.main(choice.place.stream);
    if (!main || main.isSubsampled) return false;
    const { stream } = choice.place;
    const bin = (id: number): ReturnType<Bins["precinct"]> => this.bins.precinct(stream, id);
    for (const number of main.tilesUnder(this.seenOnGrid(choice, main))) {
      const key = keyOf(stream, number);
      const messages = this.messages.get(key) ?? 0;
      const old = this.pieces.get(key);
      if (!messages || this.broken.get(key) === messages || (old?.messages === messages && old.reduction <= choice.reduction)) continue;
      const tile = this.tile(stream, main, number);
      if (!tile) continue;
      const reduction = Math.max(tile.finest(bin), choice.reduction, leastReduction(tile.bounds));
      if (!Number.isFinite(reduction) || (old?.messages === messages && old.reduction <= reduction)) continue;
      await this.decodeTile(choice, main, tile, key, reduction, messages);
      return true;
    }
    return false;
  }

  private async decodeTile(choice: Choice, main: MainHeader, tile: Tile, key: string, reduction: number, messages: number): Promise<void> {
    const { stream, plane, width, height } = choice.place;
    try {
      const decoded = await this.decoding.decode(tile.codestream(reduction, (id) => this.bins.precinct(stream, id)));
      const [x0, y0] = main.bounds;
      const step = 2 ** reduction;
      const [dx, dy] = [this.image.width / width, this.image.height / height];
      // a pixel of a reduction lies over `step` of the grid, from a multiple of it
      const [left, top] = [Math.ceil(tile.bounds[0] / step) * step - x0, Math.ceil(tile.bounds[1] / step) * step - y0];
      const part = { x: left * dx, y: top * dy, width: decoded.width * step * dx, height: decoded.height * step * dy };
      const isFirst = !this.pieces.range(plane);
      this.pieces.keep(key, makePiece(this.image, { part, plane, reduction, messages, ...decoded }, main.hasColourTransform));
      if (isFirst) this.followRange();
      this.trouble = null;
      this.element.dataset["opened"] = "true";
      this.redraw();
    } catch (error) {
      if (this.isClosed) return;
      this.broken.set(key, messages);
      this.trouble = error;
    }
  }

  // ---- drawing

  private repaint(): void {
    this.pieces.repaint();
    this.redraw();
  }

  private redraw(): void {
    if (!this.drawing && !this.isClosed) this.drawing = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.drawing = 0;
    const box = this.element.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * density), Math.round(box.height * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const seen = this.seen();
    const across = this.scale * density;
    const down = across * this.aspect;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.beginPath(); // tiles that are stored padded reach beyond the image
    context.save();
    context.rect(Math.round(-seen.x * across), Math.round(-seen.y * down), Math.round(this.image.width * across), Math.round(this.image.height * down));
    context.clip();
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = this.scale < SHARP_FROM;
    for (const piece of this.pieces.under(this.plane, seen)) {
      const { part } = piece;
      // whole pixels of the screen, so that no seam is seen between tiles
      const [left, top] = [Math.round((part.x - seen.x) * across), Math.round((part.y - seen.y) * down)];
      const [right, bottom] = [Math.round((part.x + part.width - seen.x) * across), Math.round((part.y + part.height - seen.y) * down)];
      context.drawImage(sheetOf(piece, this.display, this.contrast), left, top, right - left, bottom - top);
    }
    context.restore();
    this.scaleBar.update(this.image.spacing_mm ? this.image.spacing_mm[0] / this.scale : null);
    this.tell();
  }

  // ---- what is said

  /** How much has come, of how much there is, and what is seen of it. */
  private tell(): void {
    if (this.isClosed || this.isRefused) return;
    const { samples_per_pixel: components, bits_allocated: bits } = this.image.pixels;
    const { width, height } = this.image;
    const stored = this.places.filter(({ plane }) => plane === this.plane).reduce((sum, { bytes }) => (bytes === null ? NaN : sum + bytes), 0);
    const [whole, of] = stored > 0 ? [stored, "in the file"] : [(width * height * components * bits) / 8, "uncompressed"];
    const { received, requests, isBusy } = this.session;
    const choice = this.choice();
    const isComing = isBusy || this.isDecoding;
    const size = choice ? `${Math.ceil(choice.place.width / 2 ** choice.reduction)} × ${Math.ceil(choice.place.height / 2 ** choice.reduction)}` : "";
    this.meter.value = Math.min(1, received / whole);
    const share = (100 * received) / whole;
    const text =
      `${bytesText(received)} of ${bytesText(whole)} ${of} (${Number(share.toPrecision(2))} %)\n` +
      `${requests} ${requests === 1 ? "request" : "requests"} · seen at ${size}${isComing ? " · coming" : " · all is here"}`;
    if (text !== this.meterText.textContent) this.meterText.textContent = text; // it is read aloud when it changes
    Object.assign(this.element.dataset, { received, whole, settled: String(!isComing && !this.drawing) }); // and drawn
  }

  /** Says why nothing is shown. */
  private refuse(text: string): void {
    this.isRefused = true;
    this.element.dataset["refused"] = "true";
    this.meterText.textContent = text;
  }

  private explain(error: unknown): void {
    this.trouble = null;
    const text = error instanceof Error ? error.message : String(error);
    const again = (): void => {
      hideToast();
      this.broken.clear();
      this.session.again();
      void this.decodeOn();
    };
    toast(`Part of this image cannot be shown: ${text}`, { label: "Try again", run: again });
  }

  /** Writes the view into the address once it rests. */
  private later(): void {
    clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => {
      const { window, isOwn } = this.contrast;
      const view: Record<string, number> = { jpip: 1, x: Math.round(this.centre.x), y: Math.round(this.centre.y), zoom: this.scale };
      if (this.plane) view["plane"] = this.plane;
      if (isOwn && window) Object.assign(view, { centre: window.centre, width: window.width });
      this.remember(view);
    }, 300);
  }

  // ---- controls

  private makeTools(): HTMLElement[] {
    const middle = (): Point => {
      const box = this.element.getBoundingClientRect();
      return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    };
    const found = planeChooser(this.image, this.plane, (plane) => void this.choosePlane(plane));
    if (isWindowed(this.image)) {
      const toggle = (): void => this.chooseTool(this.tool === "pan" ? "window" : "pan");
      found.push(el("label", { class: "choice" }, "Window", this.contrast.choices), iconButton("window", "Dragging changes contrast", toggle, "W"));
    }
    return [
      ...found,
      iconButton("plus", "Closer", () => this.zoomAt(2, middle()), "+"),
      iconButton("minus", "Farther", () => this.zoomAt(0.5, middle()), "-"),
      iconButton("home", "Whole image", () => this.reset(), "0"),
    ];
  }

  private chooseTool(tool: Tool): void {
    this.tool = tool;
    this.element.dataset["tool"] = tool;
    const button = this.tools?.find((each) => each.title.startsWith("Dragging"));
    button?.setAttribute("aria-pressed", String(tool === "window"));
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const box = this.element.getBoundingClientRect();
    const [across, down] = [box.width / 4, box.height / 4];
    const middle = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.dragPan(across, 0),
      ArrowRight: () => this.dragPan(-across, 0),
      ArrowUp: () => this.dragPan(0, down),
      ArrowDown: () => this.dragPan(0, -down),
      "+": () => this.zoomAt(2, middle),
      "=": () => this.zoomAt(2, middle),
      "-": () => this.zoomAt(0.5, middle),
      "0": () => this.reset(),
      w: () => isWindowed(this.image) && this.chooseTool(this.tool === "pan" ? "window" : "pan"),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }
}

function keyOf(stream: number, tile: number): string {
  return `${stream}/${tile}`;
}

/** Halvings without which a tile would have too many pixels. */
function leastReduction([x0, y0, x1, y1]: Bounds): number {
  return Math.max(0, Math.ceil(Math.log2(((x1 - x0) * (y1 - y0)) / MOST_PIXELS) / 2));
}

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${["", "kB", "MB", "GB", "TB"][power]}`;
}
