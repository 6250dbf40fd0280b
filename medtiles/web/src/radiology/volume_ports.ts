// Three planes through a volume with crosshairs: axial, sagittal and coronal, filled while the slices come.

import { cache, Enums, type RenderingEngine, setVolumesForViewports, type Types, utilities, volumeLoader } from "@cornerstonejs/core";

import { rounded, unitsOf } from "../contrast.ts";
import { append, el } from "../dom.ts";
import type { Windowing } from "../windowing.ts";
import { bytesText } from "./bytes.ts";
import { propertiesOf, windowOf } from "./contrast_range.ts";
import { Hold, on, onAny } from "./events.ts";
import { keepOnly, progressOf, reasonOf } from "./frames.ts";
import { corner, Marks } from "./marks.ts";
import type { Listener, Port } from "./port.ts";
import type { Series } from "./series.ts";
import { VOLUMES } from "./setup.ts";

const { Events, InterpolationType, OrientationAxis } = Enums;
const PLANES = [
  { id: "axial", name: "Axial", orientation: OrientationAxis.AXIAL, colour: "#f87171" },
  { id: "sagittal", name: "Sagittal", orientation: OrientationAxis.SAGITTAL, colour: "#facc15" },
  { id: "coronal", name: "Coronal", orientation: OrientationAxis.CORONAL, colour: "#4ade80" },
] as const;

interface Pane {
  viewport: Types.IVolumeViewport;
  canvas: HTMLDivElement;
  marks: Marks;
  slice: HTMLElement;
}

export class VolumePorts implements Port {
  readonly element = el("div", { class: "ports" });
  readonly windowText = el("div", { class: "window-text" });
  readonly valueText = el("div", { class: "value-text" });
  readonly levelText = el("div", { class: "level-text", role: "status" });
  private readonly panes: Pane[];
  private readonly ended = new AbortController();
  private readonly volumeId: string;
  private isApplying = false;
  private windowKind = "LINEAR";
  private isReady = false;
  private volume: Types.IImageVolume | null = null;

  constructor(
    private readonly engine: RenderingEngine,
    private readonly series: Series,
    private readonly listener: Listener,
    frame: HTMLElement,
  ) {
    this.volumeId = `${VOLUMES}:${series.image.id}`;
    const panes = PLANES.map((plane, index) => this.pane(plane, index));
    frame.append(this.element);
    engine.setViewports(
      PLANES.map((plane, index) => ({
        viewportId: plane.id,
        type: Enums.ViewportType.ORTHOGRAPHIC,
        element: panes[index]!.canvas,
        defaultOptions: { orientation: plane.orientation, background: [0, 0, 0] as Types.Point3 },
      })),
    );
    this.panes = panes.map((pane, index) => ({ ...pane, viewport: engine.getViewport<Types.IVolumeViewport>(PLANES[index]!.id) }));
    this.panes.forEach((pane) => this.listen(pane));
  }

  static readonly ids: readonly string[] = PLANES.map((plane) => plane.id);

  /** How the crosshairs are drawn: each plane in the colour of its name. */
  static readonly crosshairs = {
    getReferenceLineColor: (id: string): string => PLANES.find((plane) => plane.id === id)?.colour ?? "#fff",
    getReferenceLineControllable: (): boolean => true,
    getReferenceLineDraggableRotatable: (): boolean => true,
    getReferenceLineSlabThicknessControlsOn: (): boolean => false,
    referenceLinesCenterGapRadius: 14,
    mobile: { enabled: false },
  };

  /** Makes the volume, shows it and lets the slices come. */
  async start(): Promise<void> {
    const volume = await volumeLoader.createAndCacheVolume(this.volumeId, { imageIds: this.series.imageIds });
    this.volume = volume as Types.IImageVolume;
    await setVolumesForViewports(this.engine, [{ volumeId: this.volumeId }], [...VolumePorts.ids]);
    this.isReady = true;
    const count = this.series.imageIds.length;
    const heard = (told: { volumeId?: string; framesProcessed?: number }): void => {
      if (told.volumeId === this.volumeId) this.tell(told.framesProcessed ?? 0, count);
    };
    onAny(Events.IMAGE_VOLUME_MODIFIED, heard, this.ended.signal);
    onAny<{ imageId: string; error: unknown }>(Events.IMAGE_LOAD_ERROR, (told) => this.listener.failed(reasonOf(told.imageId) ?? told.error), this.ended.signal);
    (volume as unknown as { load(): void }).load();
    this.tell(0, count);
  }

  show(): void {
    // the planes are moved by crosshairs and wheel, each in its own way
  }

  apply(window: Windowing, isInverted: boolean): void {
    if (!this.isReady) return;
    this.isApplying = true;
    this.windowKind = window.function;
    const invert = isInverted !== (this.series.image.pixels.photometric === "MONOCHROME1");
    for (const { viewport } of this.panes) {
      viewport.setProperties({ ...propertiesOf(window), invert });
      viewport.render();
    }
    this.isApplying = false;
  }

  smooth(isSmooth: boolean): void {
    for (const { viewport } of this.panes) {
      viewport.setProperties({ interpolationType: isSmooth ? InterpolationType.LINEAR : InterpolationType.NEAREST });
      viewport.render();
    }
  }

  zoomBy(factor: number): void {
    for (const { viewport } of this.panes) {
      viewport.setZoom(viewport.getZoom() * factor);
      viewport.render();
    }
  }

  actualSize(): void {
    this.reset();
  }

  reset(): void {
    for (const { viewport } of this.panes) {
      viewport.resetCamera();
      viewport.render();
    }
  }

  close(): void {
    this.ended.abort();
    (this.volume as Types.IStreamingImageVolume | null)?.cancelLoading?.();
    keepOnly(() => false);
    if (this.volume) cache.removeVolumeLoadObject(this.volumeId);
  }

  // ---- panes

  private pane(plane: (typeof PLANES)[number], index: number): Omit<Pane, "viewport"> {
    const canvas = el("div", { class: "canvas" });
    const marks = new Marks();
    const slice = el("div", { class: "slice-text" });
    const name = el("div", { class: "plane-name" }, plane.name);
    name.style.color = plane.colour;
    const element = el("div", { class: "port", "data-plane-name": plane.id }, canvas, ...marks.elements, corner("upper", name), corner("right", slice));
    if (index === 0) append(element, corner("", this.windowText), corner("right upper", this.levelText));
    if (index === 0) slice.before(this.valueText);
    this.element.append(element);
    return { canvas, marks, slice };
  }

  private listen(pane: Pane): void {
    const { canvas, viewport } = pane;
    const { signal } = this.ended;
    const hold = new Hold(canvas, signal);
    on(canvas, Events.CAMERA_MODIFIED, () => this.moved(pane), signal);
    on<{ range: Types.VOIRange }>(canvas, Events.VOI_MODIFIED, (told) => {
      if (hold.isHeld && !this.isApplying) this.listener.windowed(windowOf(told.range, this.windowKind));
    }, signal);
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      this.listener.hovered(this.valueAt(viewport, [event.clientX - box.left, event.clientY - box.top]));
    }, { signal });
    canvas.addEventListener("pointerleave", () => this.listener.hovered(""), { signal });
  }

  private moved(pane: Pane): void {
    if (!this.isReady) return;
    pane.marks.orient(pane.viewport.getCamera());
    pane.slice.textContent = `${pane.viewport.getSliceIndex() + 1} / ${pane.viewport.getNumberOfSlices()}`;
    this.listener.moved();
  }

  private tell(done: number, count: number): void {
    const bytes = this.series.imageIds.reduce((sum, imageId) => sum + (progressOf(imageId)?.bytes ?? 0), 0);
    const slices = done < count ? `${done} of ${count} slices in full` : `${count} slices`;
    this.levelText.textContent = `${slices} · ${bytesText(bytes)}`;
    this.element.dataset["slices"] = String(done);
    const range = this.volume?.voxelManager?.getRange?.() ?? [0, 0];
    this.listener.shown(Math.floor(count / 2), [range[0], range[1]], done === count);
    this.panes.forEach((pane) => this.moved(pane));
  }

  private valueAt(viewport: Types.IVolumeViewport, point: Types.Point2): string {
    const volume = this.volume;
    if (!volume?.imageData || !this.isReady) return "";
    const [i, j, k] = utilities.transformWorldToIndex(volume.imageData, viewport.canvasToWorld(point)).map(Math.round) as Types.Point3;
    const [columns, rows, slices] = volume.dimensions;
    if (i < 0 || j < 0 || k < 0 || i >= columns || j >= rows || k >= slices) return "";
    return `${i}, ${j}, ${k}: ${rounded(Number(volume.voxelManager?.getAtIJK(i, j, k)))}${unitsOf(this.series.image.display)}`;
  }
}
