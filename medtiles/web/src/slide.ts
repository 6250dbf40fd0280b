// A slide or picture: Deep Zoom tiles by OpenSeadragon, with navigator, scale bar, magnification and choice of plane.

import OpenSeadragon from "openseadragon";

import { ask, deepZoomUrl, Problem, type Image } from "./api.ts";
import { append, el, iconButton } from "./dom.ts";
import { planeChooser } from "./planes.ts";
import { ScaleBar } from "./scale.ts";
import { hideToast, toast } from "./toast.ts";
import type { Remember, View } from "./viewer.ts";

export class SlideView implements View {
  readonly element = el("div", { class: "slide-view" });
  readonly tools: HTMLElement[];
  private readonly viewer: OpenSeadragon.Viewer;
  private readonly scale = new ScaleBar();
  private readonly reading = el("div", { class: "reading" });
  private plane: number;
  private hasFailed = false;

  constructor(
    private readonly image: Image,
    private readonly start: Record<string, number>,
    private readonly remember: Remember,
    stage: HTMLElement,
  ) {
    this.plane = clampPlane(start["plane"], image);
    const canvas = el("div", { class: "osd" });
    const [red, green, blue] = image.background;
    canvas.style.background = image.kind === "slide" ? `rgb(${red}, ${green}, ${blue})` : "";
    append(this.element, canvas, el("div", { class: "corner" }, this.scale.element, this.reading));
    stage.append(this.element);
    this.viewer = this.makeViewer(canvas);
    const choosers = planeChooser(image, this.plane, (plane) => this.showPlane(plane));
    this.tools = [
      ...choosers,
      iconButton("plus", "Closer", () => this.zoomBy(2), "+"),
      iconButton("minus", "Farther", () => this.zoomBy(0.5), "-"),
      iconButton("home", "Whole image", () => this.viewer.viewport.goHome(), "0"),
    ];
  }

  close(): void {
    this.viewer.destroy();
  }

  private makeViewer(canvas: HTMLElement): OpenSeadragon.Viewer {
    keepStyleSheetOut();
    const viewer = OpenSeadragon({
      element: canvas,
      tileSources: deepZoomUrl(this.image, this.plane),
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
    viewer.addHandler("open-failed", () => void this.explain(deepZoomUrl(this.image, this.plane)));
    viewer.addHandler("tile-load-failed", (event) => this.tileFailed(event));
    viewer.addHandler("update-viewport", () => this.updateReadings());
    viewer.addHandler("animation-finish", () => this.keep());
    viewer.addHandler("canvas-key", (event) => {
      const key = (event.originalEvent as KeyboardEvent).key;
      if (key === "f" || key === "F") event.preventDefaultAction = true;
    });
    return viewer;
  }

  private opened(): void {
    const { x, y, zoom } = this.start;
    const viewport = this.viewer.viewport;
    if (x !== undefined && y !== undefined && zoom !== undefined && zoom > 0) {
      viewport.zoomTo(viewport.imageToViewportZoom(zoom), undefined, true);
      viewport.panTo(viewport.imageToViewportCoordinates(x, y), true);
    }
    this.element.dataset["opened"] = "true";
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
    this.viewer.addTiledImage({ tileSource: deepZoomUrl(this.image, plane), index: 0, replace: true });
    this.keep();
  }

  /** Screen pixels for each pixel of the image. */
  private imageZoom(): number {
    const viewport = this.viewer.viewport;
    return this.viewer.world.getItemCount() ? viewport.viewportToImageZoom(viewport.getZoom(true)) : 0;
  }

  private updateReadings(): void {
    const zoom = this.imageZoom();
    if (!zoom) return;
    const spacing = this.image.spacing_mm;
    this.scale.update(spacing ? spacing[0] / zoom : null);
    const power = this.image.objective_power;
    this.reading.textContent = power ? `${Number((power * zoom).toPrecision(2))}×` : `${Math.round(zoom * 100)} %`;
  }

  private keep(): void {
    const zoom = this.imageZoom();
    if (!zoom) return;
    const centre = this.viewer.viewport.viewportToImageCoordinates(this.viewer.viewport.getCenter());
    const place = { x: Math.round(centre.x), y: Math.round(centre.y), zoom };
    this.remember(this.plane ? { plane: this.plane, ...place } : place);
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
