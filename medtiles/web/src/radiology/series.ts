// A radiology image as Cornerstone sees it: an image id for each plane, and the DICOM metadata behind them.

import { Enums, metaData, type Types } from "@cornerstonejs/core";
import { wadors } from "@cornerstonejs/dicom-image-loader";

import { ask, type Display, type Image, type Window } from "../api.ts";
import { acceptFor, SCHEME } from "./frames.ts";

type DicomJson = Record<string, { vr?: string; Value?: unknown[] }>;
const UNCOMPRESSED = /^1\.2\.840\.10008\.1\.2(\.1|\.2|\.1\.99|)$/;
/** Frames of this side and more always come as HTJ2K that can be cut. */
const LARGE_SIDE = 1000;
/** Stored encodings that browsers decode as others do; the rest comes as HTJ2K. */
const SURE = /^1\.2\.840\.10008\.1\.2\.4\.(50|57|70|80|81|90|91|201|202|203)$/;
const FEWEST_SLICES = 6;
const SAME_DIRECTION = 0.999;

/** Of each frame that is known. */
const windowsOf = new Map<string, { windowCenter: number[]; windowWidth: number[]; voiLUTFunction: string[] }>();
metaData.addProvider((type: string, imageId: string) => (type === "voiLutModule" ? windowsOf.get(imageId) : undefined), 20_000);

export class Series {
  readonly imageIds: string[];

  private constructor(readonly image: Image) {
    const { study_uid: study, series_uid: series } = image.dicom!;
    const root = `${SCHEME}/dicomweb/studies/${study}/series/${series}/instances`;
    this.imageIds = image.planes.map((plane) => `${root}/${plane.sop_instance_uid}/frames/${plane.frame_number}`);
  }

  /** Fetches the metadata. */
  static async open(image: Image, signal: AbortSignal): Promise<Series> {
    const opened = new Series(image);
    const byInstance = new Map<string, DicomJson>();
    for (const instance of await metadataOf(image, signal)) byInstance.set(String(instance["00080018"]?.Value?.[0]), instance);
    const wantsCut = prefersCut(image);
    opened.imageIds.forEach((imageId, index) => {
      const instance = byInstance.get(image.planes[index]!.sop_instance_uid);
      if (!instance) throw new Error("The server has no metadata of some slices.");
      const first = imageId.replace(/\d+$/, "1");
      wadors.metaDataManager.add(first, instance as never);
      acceptFor(imageId, wantsCut);
      keepWindow(imageId);
    });
    return opened;
  }

  get last(): number {
    return this.imageIds.length - 1;
  }

  get isColour(): boolean {
    return this.image.pixels.samples_per_pixel > 1;
  }

  /** How a plane is displayed: as the image is, with the windows of its own. */
  display(index: number): Display {
    const { windowCenter: centres, windowWidth: widths, voiLUTFunction } = windowsOf.get(this.imageIds[index]!)!;
    const kind = voiLUTFunction[0]!;
    const explanations = this.image.display.windows.map((window) => window.explanation);
    const windows: Window[] = centres
      .map((centre, at) => ({ centre: Number(centre), width: Number(widths[at]), function: kind, explanation: explanations[at] ?? "" }))
      .filter((window) => Number.isFinite(window.centre) && window.width > 0);
    return { ...this.image.display, windows: windows.length ? windows : this.image.display.windows };
  }

  plane(index: number): Types.ImagePlaneModule | undefined {
    return this.module(Enums.MetadataModules.IMAGE_PLANE, index);
  }

  /** Whether the file says how the plane lies in the patient. */
  isOriented(index: number): boolean {
    const plane = this.plane(index) as (Types.ImagePlaneModule & { usingDefaultValues?: boolean }) | undefined;
    return Boolean(plane?.imageOrientationPatient && plane.frameOfReferenceUID && !plane.usingDefaultValues);
  }

  /** Patient Orientation (0020,0020) of projections: towards the right of the picture, and towards its foot. */
  patientOrientation(index: number): [string, string] | null {
    const instance = wadors.metaDataManager.get(this.imageIds[index]!) as DicomJson | undefined;
    const [across, down] = instance?.["00200020"]?.Value ?? [];
    return typeof across === "string" && typeof down === "string" && across && down ? [across, down] : null;
  }

  /** Why there is no volume to cut in three planes; empty when there is. */
  whyNoVolume(): string {
    const { image } = this;
    if (this.isColour) return "Three planes need grey samples.";
    if (this.imageIds.length < FEWEST_SLICES) return `Three planes need ${FEWEST_SLICES} slices or more.`;
    if (!this.imageIds.every((_, index) => this.isOriented(index))) return "The slices do not say where they lie in the patient.";
    if (image.slice_spacing_mm === null) return "The slices are not evenly spaced.";
    if (image.planes.some((plane) => plane.t !== image.planes[0]!.t || plane.channel !== image.planes[0]!.channel)) {
      return "The series has several pictures of each slice.";
    }
    return this.isStraight() ? "" : "The slices are tilted against one another's way.";
  }

  /** Whether the slices follow one another along their normal: a gantry's tilt makes a sheared volume. */
  private isStraight(): boolean {
    const [first, last] = [this.plane(0), this.plane(this.last)];
    if (!first?.imagePositionPatient || !last?.imagePositionPatient) return false;
    const way = last.imagePositionPatient.map((value, axis) => value - first.imagePositionPatient![axis]!) as Types.Point3;
    const [a, b] = [first.rowCosines!, first.columnCosines!];
    const normal = [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
    const along = Math.abs(way.reduce((sum, value, axis) => sum + value * normal[axis]!, 0));
    return along > SAME_DIRECTION * Math.hypot(...way) && along > 0;
  }

  private module<T>(name: string, index: number): T | undefined {
    return metaData.get(name, this.imageIds[index]!) as T | undefined;
  }
}

/** Metadata of the series, or of the one instance that the image is. */
async function metadataOf(image: Image, signal: AbortSignal): Promise<DicomJson[]> {
  const { study_uid: study, series_uid: series } = image.dicom!;
  const instances = new Set(image.planes.map((plane) => plane.sop_instance_uid));
  const one = instances.size === 1 ? `/instances/${[...instances][0]}` : "";
  const url = `/dicomweb/studies/${study}/series/${series}${one}/metadata`;
  return (await (await ask(url, signal, { accept: "application/dicom+json" })).json()) as DicomJson[];
}

/**
 * Keeps the windows of a frame with the name of their function as a list: Cornerstone's loader takes the first of what
 * its own provider gives as a string, and so the letter L for LINEAR, which it then refuses.
 */
function keepWindow(imageId: string): void {
  const read = metaData.get("voiLutModule", imageId) as Record<string, unknown> | undefined;
  const numbers = (value: unknown): number[] => [value ?? []].flat().map(Number);
  windowsOf.set(imageId, {
    windowCenter: numbers(read?.["windowCenter"]),
    windowWidth: numbers(read?.["windowWidth"]),
    voiLUTFunction: [[read?.["voiLUTFunction"] ?? "LINEAR"].flat().map(String)[0] || "LINEAR"],
  });
}

function prefersCut(image: Image): boolean {
  if (image.pixels.samples_per_pixel > 1) return false;
  const stored = image.dicom?.transfer_syntaxes ?? [];
  const isSure = stored.length > 0 && stored.every((syntax) => SURE.test(syntax) && !UNCOMPRESSED.test(syntax));
  return !isSure || Math.max(image.width, image.height) >= LARGE_SIDE;
}
