// A slide or picture: Deep Zoom tiles by OpenSeadragon, with navigator, scale bar, magnification and choice of plane.

import OpenSeadragon from "openseadragon";

import { adjustControls } from "./adjust.ts";
import { ask, deepZoomUrl, Problem, type Channels, type Image } from "./api.ts";
import { channelControls } from "./channels.ts";
import { append, el, iconButton } from "./dom.ts";
import { lookQuery, usualLook, type Look } from "./look.ts";
import { planeChooser } from "./planes.ts";
import { presetControls } from "./presets.ts";
import { ScaleBar } from "./scale.ts";
import { hideToast, toast } from "./toast.ts";
import type { Remember, View } from "./viewer.ts";

/** Milliseconds after which a slider rests. */
const SETTLED = 120;
const HOT_OPACITY = 0.75;

export class SlideView implements View {
  readonly element = el("div", { class: "slide-view" });
  readonly tools: HTMLElement[];
  readonly viewer: OpenSeadragon.Viewer;
  private readonly scale = new ScaleBar();
  private readonly reading = el("div", { class: "reading" });
  readonly controls: HTMLElement[];
  private readonly hotButton = iconButton("fire", "Hot spots: where people looked", () => this.toggleHot(), "h");
  /** The map of what is looked at, over the image. */
  private hotMap: OpenSeadragon.TiledImage | null = null;
  private isHot = false;
  private plane: number;
  private hasFailed = false;
  private waiting = 0;
  private isClosed = false;
  /** The look that needs no word in the address. */
  private readonly usual: string;

  constructor(
    private readonly image: Image,
    private readonly start: Record<string, number>,
    private readonly look: Look,
    channels: Channels | null,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    this.plane = clampPlane(start["plane"], image);
    this.usual = String(lookQuery(usualLook(channels)));
    this.controls = [this.lookControls(channels)];
    const canvas = el("div", { class: "osd" });
    const [red, green, blue] = image.background;
    canvas.style.background = image.kind === "slide" ? `rgb(${red}, ${green}, ${blue})` : "";
    append(this.element, canvas, el("div", { class: "corner" }, this.scale.element, this.reading));
    stage.append(this.element);
    this.viewer = this.makeViewer(canvas);
    const choosers = planeChooser(image, this.plane, (plane) => this.showPlane(plane), channels !== null);
    this.tools = [
      ...choosers,
      iconButton("plus", "Closer", () => this.zoomBy(2), "+"),
      iconButton("minus", "Farther", () => this.zoomBy(0.5), "-"),
      iconButton("home", "Whole image", () => this.viewer.viewport.goHome(), "0"),
      iconButton("turn", "Turn clockwise", () => this.turn(90), "r"),
      iconButton("mirror", "Mirror", () => this.mirror(), "m"),
      ...(image.hotspots ? [this.hotButton] : []),
    ];
  }

  /** All that changes how the image is shown. */
  private lookControls(channels: Channels | null): HTMLElement {
    const element = el("div", { class: "look" });
    const changed = (): void => this.lookChanged();
    const build = (): void => {
      element.replaceChildren();
      append(
        element,
        channels && channelControls(channels, this.look, changed),
        adjustControls(this.image, this.look, changed),
        presetControls(this.image, channels, this.look, () => {
          build();
          changed();
        }),
      );
    };
    build();
    return element;
  }

  private turn(degrees: number): void {
    const { viewport } = this.viewer;
    viewport.setRotation((viewport.getRotation() + degrees) % 360);
    this.keep();
  }

  private mirror(): void {
    this.viewer.viewport.toggleFlip();
    this.keep();
  }

  close(): void {
    clearTimeout(this.waiting);
    this.isClosed = true;
    this.viewer.destroy();
  }

  private makeViewer(canvas: HTMLElement): OpenSeadragon.Viewer {
    keepStyleSheetOut();
    const viewer = OpenSeadragon({
      element: canvas,
      tileSources: this.address(),
      drawer: ["canvas"],
      showNavigationControl: false,
      showNavigator: true,
      navigatorAutoFade: false,
      navigatorPosition: "BOTTOM_RIGHT",
      navigatorSizeRatio: 0.16,
      navigatorBackground: "transparent",
      navigatorDisplayRegionColor: "#0d9488",
      maxZoomPixelRatio: 4,
      visibilityRatio: 0.3,
      animationTime: 0.5,
      springStiffness: 9,
      zoomPerScroll: 1.35,
      imageLoaderLimit: 8,
      maxImageCacheCount: 400,
      tileRetryMax: 1,
      tileRetryDelay: 1200,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    });
    viewer.addHandler("open", () => this.opened());
    viewer.addHandler("open-failed", () => void this.explain(this.address()));
    viewer.addHandler("tile-load-failed", (event) => this.tileFailed(event));
    viewer.addHandler("update-viewport", () => this.updateReadings());
    viewer.addHandler("animation-finish", () => this.keep());
    viewer.addHandler("canvas-key", (event) => {
      const pressed = event.originalEvent as KeyboardEvent;
      const key = pressed.key.toLowerCase();
      if (key === "f") event.preventDefaultAction = true;
      if (key === "r" || key === "m" || (key === "h" && this.image.hotspots)) {
        event.preventDefaultAction = true;
        if (key === "r") this.turn(pressed.shiftKey ? -90 : 90);
        else if (key === "m") this.mirror();
        else this.toggleHot();
      }
    });
    return viewer;
  }

  private opened(): void {
    const { x, y, zoom, turn, mirror } = this.start;
    const viewport = this.viewer.viewport;
    if (turn) viewport.setRotation(turn, true);
    if (mirror) viewport.setFlip(true);
    const item = this.item();
    if (item && x !== undefined && y !== undefined && zoom !== undefined && zoom > 0) {
      viewport.zoomTo(item.imageToViewportZoom(zoom), undefined, true);
      viewport.panTo(item.imageToViewportCoordinates(x, y), true);
    }
    this.element.dataset["opened"] = "true";
    if (this.image.hotspots && this.start["hot"]) this.toggleHot();
    this.viewer.canvas.setAttribute("aria-label", `${this.image.name}: arrow keys move, plus and minus zoom, 0 shows all`);
    this.viewer.canvas.setAttribute("role", "application");
    (this.viewer.canvas as HTMLElement).focus({ preventScroll: true });
    this.updateReadings();
  }

  private zoomBy(factor: number): void {
    this.viewer.viewport.zoomBy(factor);
    this.viewer.viewport.applyConstraints();
  }

  /** Shows another plane at the same place. */
  private showPlane(plane: number): void {
    this.plane = plane;
    this.show();
    this.keep();
  }

  private address(): string {
    return deepZoomUrl(this.image, this.plane, lookQuery(this.look));
  }

  /** Sliders tell of each step: the last one of a few counts. */
  private lookChanged(): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.show();
      this.keep();
    }, SETTLED);
  }

  private toggleHot(): void {
    this.isHot = !this.isHot;
    if (this.isHot) this.addHotMap();
    else this.dropHotMap();
    this.hotButton.setAttribute("aria-pressed", String(this.isHot));
    this.keep();
  }

  private addHotMap(): void {
    const { width, height, hotspots } = this.image;
    const fresh = Date.now(); // it changes as people look
    const tileSource = {
      width,
      height,
      tileSize: 256,
      getTileUrl: (level: number, x: number, y: number) => `${hotspots}/${level}/${x}_${y}.png?t=${fresh}`,
    };
    this.viewer.addTiledImage({
      tileSource,
      opacity: HOT_OPACITY,
      success: (event: Event) => {
        const { item } = event as unknown as { item: OpenSeadragon.TiledImage };
        if (!this.isHot || this.hotMap) this.viewer.world.removeItem(item);
        else this.hotMap = item;
      },
    });
  }

  private dropHotMap(): void {
    if (this.hotMap) this.viewer.world.removeItem(this.hotMap);
    this.hotMap = null;
  }

  /** What is there stays until what comes covers it, so that nothing flashes. */
  private show(): void {
    const { world } = this.viewer;
    this.dropHotMap();
    while (world.getItemCount() > 1) world.removeItem(world.getItemAt(world.getItemCount() - 1));
    this.viewer.addTiledImage({
      tileSource: this.address(),
      success: (event: Event) => {
        const { item } = event as unknown as { item: OpenSeadragon.TiledImage };
        const settle = (): void => {
          if (world.getIndexOfItem(item) < 0) return;
          while (world.getItemAt(0) !== item) world.removeItem(world.getItemAt(0));
          if (this.isHot && !this.hotMap) this.addHotMap();
          this.element.dataset["settled"] = String(Number(this.element.dataset["settled"] ?? 0) + 1);
        };
        item.whenFullyLoaded(settle);
      },
    });
  }

  /** Screen pixels for each pixel of the image. */
  private imageZoom(): number {
    return this.item()?.viewportToImageZoom(this.viewer.viewport.getZoom(true)) ?? 0;
  }

  /** What is shown; all that there ever are lie at one place. */
  private item(): OpenSeadragon.TiledImage | null {
    const { world } = this.viewer;
    return world.getItemCount() ? world.getItemAt(0) : null;
  }

  private updateReadings(): void {
    const zoom = this.imageZoom();
    if (!zoom) return;
    const spacing = this.image.spacing_mm;
    this.scale.update(spacing ? spacing[0] / zoom : null);
    const power = this.image.objective_power;
    this.reading.textContent = power ? `${Number((power * zoom).toPrecision(2))}×` : `${Math.round(zoom * 100)} %`;
  }

  /** Has the address say where one looks. */
  keep(): void {
    const [zoom, item] = this.isClosed ? [0, null] : [this.imageZoom(), this.item()];
    if (!zoom || !item) return;
    const centre = item.viewportToImageCoordinates(this.viewer.viewport.getCenter());
    const { viewport } = this.viewer;
    const turn = ((viewport.getRotation() % 360) + 360) % 360;
    const place = {
      x: Math.round(centre.x),
      y: Math.round(centre.y),
      zoom,
      ...(turn ? { turn } : {}),
      ...(this.isHot ? { hot: 1 } : {}),
      ...(viewport.getFlip() ? { mirror: 1 } : {}),
    };
    const look = String(lookQuery(this.look));
    this.remember(this.plane ? { plane: this.plane, ...place } : place, look === this.usual ? "" : decodeURIComponent(look));
  }

  private tileFailed(event: OpenSeadragon.TileLoadFailedEvent): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    void this.explain(event.tile.getUrl());
  }

  /** Asks again for what failed, to tell the server's own words. */
  private async explain(url: string): Promise<void> {
    try {
      await ask(url);
      this.hasFailed = false;
      hideToast();
    } catch (error) {
      const text = error instanceof Problem ? error.message : String(error);
      toast(`Part of this image cannot be shown: ${text}`, { label: "Load again", run: () => location.reload() });
    }
  }
}

/**
 * OpenSeadragon adds an inline style sheet unless one of its name is there, which the page's policy rightly blocks. Its
 * one rule is in ours; an element of that name which is no style sheet keeps it from trying.
 */
function keepStyleSheetOut(): void {
  const name = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${name}]`)) return;
  const stand = document.createElementNS("urn:medtiles", "style");
  stand.setAttribute(name, "true");
  document.head.append(stand);
}

function clampPlane(plane: number | undefined, image: Image): number {
  return Math.min(Math.max(Math.trunc(plane ?? 0), 0), image.planes.length - 1);
}
