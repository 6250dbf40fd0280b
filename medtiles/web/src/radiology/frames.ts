// Frames for Cornerstone3D: its image loader `medtiles:`, which shows a frame at each resolution that its bytes complete.
//
// Cornerstone's own loader guesses the resolution from the share of bytes that has come, cannot stop a request, and takes
// an answer of 4xx to a range for pixels. This one knows where each resolution ends, so every picture on the way is exact.

import { Enums, registerImageLoader, type Types, utilities } from "@cornerstonejs/core";
import { createImage } from "@cornerstonejs/dicom-image-loader";

import { Arrival } from "./arrival.ts";

export const SCHEME = "medtiles:";
const HTJ2K_RPCL = "1.2.840.10008.1.2.4.202";
const MOST_PARTIAL_BYTES = 96 * 1024 * 1024;

/** How a frame is to be had; the key of `retrieveOptions` in Cornerstone's stages. */
export interface Retrieval {
  /** Halvings at which this stage ends; 0: the whole frame. */
  reduction: number;
}

export interface Progress {
  imageId: string;
  /** Of the body. */
  bytes: number;
  total: number;
  /** 0 where the encoding has no resolutions. */
  decompositions: number;
  /** Halvings of what was decoded last; Infinity: nothing yet. */
  reduction: number;
}

type Options = NonNullable<Parameters<typeof createImage>[3]> & { retrieveOptions?: Partial<Retrieval> };

const arrivals = new Map<string, Arrival>();
const known = new Map<string, Progress>();
const accepts = new Map<string, string>();
const reasons = new Map<string, unknown>();
const listeners = new Set<(progress: Progress) => void>();

export function registerFrames(): void {
  window.addEventListener("unhandledrejection", (event) => {
    // Cornerstone's cache lets go of a rejection that its viewports have told, and that the page has said.
    if ([...reasons.values()].includes(event.reason)) event.preventDefault();
  });
  registerImageLoader("medtiles", (imageId, options) => ({ promise: load(imageId, (options ?? {}) as Options) }));
}

/** The Accept header for frames of one instance: HTJ2K that can be cut, or whatever is stored. */
export function acceptFor(imageId: string, wantsCut: boolean): void {
  const any = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';
  accepts.set(instanceOf(imageId), wantsCut ? `${any.replace("*", HTJ2K_RPCL)}, ${any};q=0.5` : any);
}

/** Calls back whenever bytes of a frame come or a picture is made of them; gives the way to end that. */
export function onProgress(listener: (progress: Progress) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function progressOf(imageId: string): Progress | undefined {
  return known.get(imageId);
}

/** Why a frame could not be had. */
export function reasonOf(imageId: string): unknown {
  return reasons.get(imageId);
}

/** Stops the requests of all frames but some. */
export function keepOnly(isWanted: (imageId: string) => boolean): void {
  for (const [imageId, arrival] of arrivals) {
    if (!isWanted(imageId)) arrival.stop();
  }
}

function load(imageId: string, options: Options): Promise<Types.IImage> {
  const iterator = new utilities.ProgressiveIterator<Types.IImage>(imageId);
  reasons.delete(imageId);
  const fail = (reason: unknown): void => void reasons.set(imageId, reason);
  void iterator.generate((it: typeof iterator) => bring(imageId, options, it), fail);
  return iterator.getDonePromise();
}

async function bring(imageId: string, options: Options, images: { add(image: Types.IImage, done: boolean): void }): Promise<void> {
  const arrival = arrivalOf(imageId);
  const until = options.retrieveOptions?.reduction ?? 0;
  let shown = Infinity;
  while (shown > until) {
    const reduction = arrival.reduction;
    if (reduction >= shown) {
      await arrival.more(until);
      continue;
    }
    const image = await decode(imageId, arrival, reduction, options);
    shown = reduction;
    tell(imageId, arrival, reduction);
    if (reduction === 0) arrivals.delete(imageId);
    images.add(image, shown <= until);
  }
}

function arrivalOf(imageId: string): Arrival {
  const kept = arrivals.get(imageId);
  if (kept) return kept;
  const accept = accepts.get(instanceOf(imageId)) ?? "*/*";
  const arrival = new Arrival(imageId.slice(SCHEME.length), accept, () => tell(imageId, arrival));
  arrivals.set(imageId, arrival);
  forgetOldest();
  return arrival;
}

/** Frames of which a part has come are kept within a bound. */
function forgetOldest(): void {
  let room = [...arrivals.values()].reduce((sum, each) => sum + each.room, 0);
  for (const [imageId, each] of arrivals) {
    if (room <= MOST_PARTIAL_BYTES) return;
    if (!each.isIdle) continue;
    room -= each.room;
    arrivals.delete(imageId);
  }
}

function tell(imageId: string, arrival: Arrival, reduction = known.get(imageId)?.reduction ?? Infinity): void {
  const { length: bytes, total, decompositions } = arrival;
  const progress = { imageId, bytes, total, decompositions, reduction };
  known.set(imageId, progress);
  for (const listener of listeners) listener(progress);
}

async function decode(imageId: string, arrival: Arrival, reduction: number, options: Options): Promise<Types.IImage> {
  const settings = { ...options, decodeLevel: reduction };
  const made = await createImage(imageId, arrival.codestream(reduction), arrival.transferSyntax, settings);
  const image = made as Types.IImage;
  if (!image.width || !image.height || image.getPixelData().length < image.width * image.height) {
    throw new Error("The frame does not decode.");
  }
  const { FULL_RESOLUTION, SUBRESOLUTION } = Enums.ImageQualityStatus;
  image.imageQualityStatus = reduction ? SUBRESOLUTION : FULL_RESOLUTION;
  return image;
}

function instanceOf(imageId: string): string {
  return imageId.slice(0, imageId.lastIndexOf("/frames/"));
}
