// The slices of a stack: fetched once, neighbours ahead of time, kept within a bound of bytes.

import { ask, getDisplay, viewUrl, type Display, type Image } from "./api.ts";
import { extent, type Samples } from "./windowing.ts";

/** One plane as it was fetched: grey samples to be windowed here, or a finished picture. */
export interface Slice {
  plane: number;
  width: number;
  height: number;
  display: Display;
  samples: Samples | null;
  low: number;
  high: number;
  picture: ImageBitmap | null;
}

const MOST_BYTES = 256 * 1024 * 1024;
const AHEAD = 6;
const AT_ONCE = 3;
const LARGEST_SIDE = 2048;

/** Whether samples can be windowed here; colour and palettes come finished. */
export function isWindowed(image: Image): boolean {
  return image.pixels.samples_per_pixel === 1 && !image.display.palette;
}

export class Slices {
  private readonly kept = new Map<number, Slice>();
  private readonly coming = new Map<number, { promise: Promise<Slice>; controller: AbortController }>();
  private readonly isWindowed: boolean;
  private readonly room: number;
  private wanted = 0;

  constructor(
    private readonly image: Image,
    private readonly arrived: (slice: Slice) => void,
  ) {
    this.isWindowed = isWindowed(image);
    const side = Math.min(Math.max(image.width, image.height), LARGEST_SIDE);
    const scale = side / Math.max(image.width, image.height);
    const bytes = image.width * image.height * scale * scale * (this.isWindowed ? image.pixels.bits_allocated / 8 : 4);
    this.room = Math.max(3, Math.floor(MOST_BYTES / bytes));
  }

  /** The slice, when it is here. */
  at(plane: number): Slice | undefined {
    return this.kept.get(plane);
  }

  close(): void {
    for (const { controller } of this.coming.values()) controller.abort();
    for (const slice of this.kept.values()) slice.picture?.close();
  }

  /** Fetches a slice, then those around it; what is under way far from it is given up. */
  async want(plane: number): Promise<Slice> {
    this.wanted = plane;
    for (const [other, { controller }] of this.coming) {
      if (Math.abs(other - plane) > AHEAD) controller.abort();
    }
    const slice = await this.fetch(plane);
    this.fetchAround();
    return slice;
  }

  private fetchAround(): void {
    const reach = Math.min(AHEAD, Math.floor((this.room - 1) / 2));
    for (let step = 1; step <= reach; step++) {
      for (const plane of [this.wanted + step, this.wanted - step]) {
        if (this.coming.size >= AT_ONCE) return;
        const isThere = plane >= 0 && plane < this.image.planes.length;
        if (isThere && !this.kept.has(plane) && !this.coming.has(plane)) {
          this.fetch(plane).then(() => this.fetchAround(), () => undefined);
        }
      }
    }
  }

  private fetch(plane: number): Promise<Slice> {
    const kept = this.kept.get(plane);
    if (kept) return Promise.resolve(kept);
    const under = this.coming.get(plane);
    if (under && !under.controller.signal.aborted) return under.promise;
    const controller = new AbortController();
    const promise = this.load(plane, controller.signal).then(
      (slice) => {
        this.forget(plane, controller);
        this.keep(slice);
        return slice;
      },
      (error: unknown) => {
        this.forget(plane, controller);
        throw error;
      },
    );
    this.coming.set(plane, { promise, controller });
    return promise;
  }

  private forget(plane: number, controller: AbortController): void {
    if (this.coming.get(plane)?.controller === controller) this.coming.delete(plane);
  }

  private keep(slice: Slice): void {
    this.kept.set(slice.plane, slice);
    while (this.kept.size > this.room) {
      const farthest = [...this.kept.keys()].reduce((a, b) => (this.distance(b) > this.distance(a) ? b : a));
      this.kept.get(farthest)?.picture?.close();
      this.kept.delete(farthest);
    }
    this.arrived(slice);
  }

  private distance(plane: number): number {
    return Math.abs(plane - this.wanted);
  }

  private async load(plane: number, signal: AbortSignal): Promise<Slice> {
    const display = plane === 0 ? this.image.display : await getDisplay(this.image.id, plane, signal);
    if (!this.isWindowed) return loadPicture(this.image, plane, display, signal);
    const response = await ask(viewUrl(this.image, plane, LARGEST_SIDE, "raw"), signal);
    const [height, width] = (response.headers.get("x-medtiles-shape") ?? "").split(",").map(Number);
    const samples = samplesOf(response.headers.get("x-medtiles-dtype") ?? "", await response.arrayBuffer());
    if (!height || !width || samples.length !== width * height) throw new Error("The server sent samples of another shape than it said.");
    const [low, high] = extent(samples);
    return { plane, width, height, display, samples, low, high, picture: null };
  }
}

async function loadPicture(image: Image, plane: number, display: Display, signal: AbortSignal): Promise<Slice> {
  const response = await ask(viewUrl(image, plane, LARGEST_SIDE, "jpeg"), signal);
  const picture = await createImageBitmap(await response.blob());
  return { plane, width: picture.width, height: picture.height, display, samples: null, low: 0, high: 255, picture };
}

const TYPES: Record<string, new (buffer: ArrayBuffer) => Samples> = {
  "|i1": Int8Array,
  "|u1": Uint8Array,
  "<i2": Int16Array,
  "<u2": Uint16Array,
  "<i4": Int32Array,
  "<u4": Uint32Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
};

/** Samples of a NumPy type; every machine that runs browsers is little-endian. */
function samplesOf(dtype: string, buffer: ArrayBuffer): Samples {
  const type = TYPES[dtype];
  if (!type) throw new Error(`The server sent samples of the unknown type ${dtype}.`);
  return new type(buffer);
}
