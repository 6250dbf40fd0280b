// The bytes of one frame as they come: asked for once, cut into resolutions, taken up again where they broke off.

import { ask } from "../api.ts";
import { resolutions, type Resolutions } from "./codestream.ts";

const SEPARATOR = [0x0d, 0x0a, 0x0d, 0x0a];
/** Enough for the part's head and the codestream's main header, and often for the first resolutions. */
const FIRST_BYTES = 16384;
/** HTJ2K: what Cornerstone decodes at fewer resolutions. */
const CUT = /^1\.2\.840\.10008\.1\.2\.4\.20[123]$/;

interface Part {
  /** Where the frame begins in the body. */
  start: number;
  boundary: string;
  transferSyntax: string;
}

/** A frame's bytes, as many as there are. */
export class Arrival {
  /** Of the whole body; 0 while that is not known. */
  total = 0;
  length = 0;
  private body = new Uint8Array(0);
  private part: Part | null = null;
  private cuts: Resolutions | null | "unknown" = "unknown";
  private etag = "";
  private contentType = "";
  private request: AbortController | null = null;
  private waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];

  constructor(
    private readonly url: string,
    private readonly accept: string,
    private readonly moved: () => void,
  ) {}

  get isComplete(): boolean {
    return this.total > 0 && this.length === this.total;
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.request === null;
  }

  get transferSyntax(): string {
    return this.part?.transferSyntax ?? "";
  }

  get decompositions(): number {
    return this.cuts && this.cuts !== "unknown" ? this.cuts.decompositions : 0;
  }

  /** Halvings of the best picture that the bytes complete; Infinity when there is none yet. */
  get reduction(): number {
    if (this.isComplete) return 0;
    if (!this.part || !this.cuts || this.cuts === "unknown") return Infinity;
    const have = this.length - this.part.start;
    const complete = this.cuts.ends.filter((end) => end <= have).length;
    return complete ? this.cuts.decompositions + 1 - complete : Infinity;
  }

  /** A copy of the codestream, cut to what a reduction needs. */
  codestream(reduction: number): Uint8Array {
    const start = this.part?.start ?? 0;
    if (this.isComplete) return this.body.slice(start, this.end());
    const cuts = this.cuts as Resolutions;
    return this.body.slice(start, start + cuts.ends[cuts.decompositions - reduction]!);
  }

  /** Waits for more bytes; asks for them when nobody has, up to what a reduction needs. */
  more(reduction: number): Promise<void> {
    const moved = new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
    if (!this.request) void this.fetch(reduction);
    return moved;
  }

  /** Stops what is under way; the bytes stay. */
  stop(): void {
    this.request?.abort();
    this.request = null;
    this.settle((each) => each.reject(new DOMException("no longer wanted", "AbortError")));
  }

  /** Bytes set aside. */
  get room(): number {
    return this.body.length;
  }

  private async fetch(reduction: number): Promise<void> {
    const controller = (this.request = new AbortController());
    const before = this.length;
    try {
      const response = await ask(this.url, controller.signal, this.headers(reduction));
      this.begin(response);
      if (!response.body) throw new Error("The server sent no body.");
      const reader = response.body.getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) this.take(read.value);
      if (this.length === before || this.length > (this.total || Infinity)) throw new Error("The frame ended before its time.");
      this.total ||= this.length;
    } catch (error) {
      if (controller.signal.aborted) return;
      this.request = null;
      this.settle((each) => each.reject(error));
      return;
    }
    this.request = null;
    this.settle((each) => each.resolve());
  }

  private headers(reduction: number): Record<string, string> {
    const headers: Record<string, string> = { accept: this.accept };
    const needed = reduction > 0 ? this.needed(reduction) : Infinity;
    const last = Number.isFinite(needed) ? needed - 1 : "";
    if (this.length || last !== "") headers["range"] = `bytes=${this.length}-${last}`;
    if (this.length && this.etag) headers["if-range"] = this.etag;
    return headers;
  }

  /** Bytes of the body that complete a reduction, or enough to find out; Infinity: all. */
  private needed(reduction: number): number {
    if (!this.part || !this.cuts || this.cuts === "unknown") return this.cuts === null ? Infinity : this.length + FIRST_BYTES;
    const kept = Math.max(this.cuts.decompositions - reduction, 0);
    return this.part.start + this.cuts.ends[kept]!;
  }

  private begin(response: Response): void {
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
    if (response.status === 206 && range?.[1] && Number(range[1]) === this.length) {
      this.total = Number(range[2]);
    } else {
      this.length = 0;
      this.total = Number(response.headers.get("content-length") ?? 0);
    }
    this.etag = response.headers.get("etag") ?? "";
    this.contentType = response.headers.get("content-type") ?? "";
    this.grow(this.length + Number(response.headers.get("content-length") ?? 0));
    this.moved();
  }

  private grow(size: number): void {
    if (this.body.length >= size) return;
    const larger = new Uint8Array(size);
    larger.set(this.body.subarray(0, this.length));
    this.body = larger;
  }

  private take(chunk: Uint8Array): void {
    this.grow(this.length + chunk.length);
    this.body.set(chunk, this.length);
    this.length += chunk.length;
    const here = this.body.subarray(0, this.length);
    this.part ??= this.contentType.startsWith("multipart/") ? partOf(here) : wholeOf(this.contentType);
    if (this.part && this.cuts === "unknown") {
      this.cuts = CUT.test(this.part.transferSyntax) ? resolutions(here.subarray(this.part.start)) : null;
    }
    this.moved();
    this.settle((each) => each.resolve());
  }

  private settle(how: (each: (typeof this.waiting)[number]) => void): void {
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach(how);
  }

  /** Where the frame ends: before the closing boundary. */
  private end(): number {
    if (!this.part?.boundary) return this.length;
    const closing = new TextEncoder().encode(`\r\n${this.part.boundary}`);
    for (let at = this.length - closing.length; at > this.part.start; at--) {
      if (closing.every((byte, index) => this.body[at + index] === byte)) return at;
    }
    throw new Error("The server sent a part without its closing boundary.");
  }
}

/** The head of the first part: `--boundary`, headers, an empty line. */
function partOf(body: Uint8Array): Part | null {
  const most = Math.min(body.length, 4096) - SEPARATOR.length;
  for (let at = 0; at <= most; at++) {
    if (!SEPARATOR.every((byte, index) => body[at + index] === byte)) continue;
    const lines = new TextDecoder().decode(body.subarray(0, at)).split("\r\n");
    const type = lines.find((line) => /^content-type:/i.test(line)) ?? "";
    const boundary = lines.find((line) => line.startsWith("--")) ?? "";
    return { start: at + SEPARATOR.length, boundary, transferSyntax: transferSyntaxOf(type) };
  }
  return null;
}

function wholeOf(contentType: string): Part {
  return { start: 0, boundary: "", transferSyntax: transferSyntaxOf(contentType) };
}

function transferSyntaxOf(contentType: string): string {
  return /transfer-syntax="?([\d.]+)/.exec(contentType)?.[1] ?? "1.2.840.10008.1.2.1";
}
