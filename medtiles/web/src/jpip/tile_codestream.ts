// Data-bins of one tile → a codestream of that tile alone, at any resolution and at any moment, for a decoder.
//
// The progression is rewritten to RPCL: there all packets of a precinct come one behind another (ISO/IEC 15444-1
// B.12.1.3), just as its data-bin holds them, so no packet header need be read. What has not come is an empty packet.

import type { Bin } from "./bins.ts";

interface Segment {
  code: number;
  bytes: Uint8Array;
}

interface Component {
  dx: number;
  dy: number;
}

interface Coding {
  decompositions: number;
  /** PPx, PPy of each resolution. */
  precincts: [number, number][];
}

interface Precinct {
  id: number;
  /** From the component's coarsest one. */
  resolution: number;
  /** How often the sides are halved there. */
  reduction: number;
  component: number;
  x: number;
  y: number;
}

export type Bounds = [number, number, number, number];
/** SIZ: Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz. */
type Grid = [number, number, number, number, number, number, number, number];

const [SIZ, COD, COC, QCD, QCC, POC] = [0xff51, 0xff52, 0xff53, 0xff5c, 0xff5d, 0xff5f];
/** Pointers into the file, packed packet headers, and changes of the progression: none of them holds any more. */
const LEFT_OUT = new Set([0xff55, 0xff57, 0xff58, 0xff60, 0xff61, POC]);
const RPCL = 2;
const MOST_PRECINCTS = 1 << 20;

/** What the main header says of all tiles. */
export class MainHeader {
  readonly components: Component[];
  readonly bits: number;
  readonly isSigned: boolean;
  /** Whether a transform over the components makes RGB of them. */
  readonly hasColourTransform: boolean;
  readonly decompositions: number;
  readonly across: number;
  readonly down: number;
  readonly segments: Segment[];
  private readonly grid: Grid;

  constructor(bytes: Uint8Array) {
    this.segments = segmentsOf(bytes.subarray(2));
    const siz = this.segments[0];
    if (siz?.code !== SIZ) throw new Error("The main header has no SIZ.");
    const view = viewOf(siz.bytes);
    this.grid = Array.from({ length: 8 }, (_, index) => view.getUint32(6 + 4 * index)) as Grid;
    const count = view.getUint16(38);
    this.components = Array.from({ length: count }, (_, index) => ({ dx: view.getUint8(41 + 3 * index), dy: view.getUint8(42 + 3 * index) }));
    this.bits = (view.getUint8(40) & 127) + 1;
    this.isSigned = view.getUint8(40) >= 128;
    const cod = this.segments.find(({ code }) => code === COD);
    if (!cod) throw new Error("The main header has no COD.");
    this.hasColourTransform = cod.bytes[8] !== 0;
    this.decompositions = cod.bytes[9]!;
    const [x1, y1, , , width, height, left, top] = this.grid;
    this.across = Math.ceil((x1 - left) / width);
    this.down = Math.ceil((y1 - top) / height);
  }

  /** Bounds of a tile on the reference grid. */
  tileBounds(tile: number): Bounds {
    const [x1, y1, x0, y0, width, height, left, top] = this.grid;
    const [column, row] = [tile % this.across, Math.floor(tile / this.across)];
    return [
      Math.max(left + column * width, x0),
      Math.max(top + row * height, y0),
      Math.min(left + (column + 1) * width, x1),
      Math.min(top + (row + 1) * height, y1),
    ];
  }

  /** Bounds of the whole picture on the reference grid. */
  get bounds(): Bounds {
    const [x1, y1, x0, y0] = this.grid;
    return [x0, y0, x1, y1];
  }

  /** Whether a component has another size than the picture. */
  get isSubsampled(): boolean {
    return this.components.some(({ dx, dy }) => dx !== 1 || dy !== 1);
  }

  /** The tiles that touch a part of the grid, the nearest to its middle first. */
  tilesUnder([left, top, right, bottom]: Bounds): number[] {
    const [, , , , width, height, x, y] = this.grid;
    const within = (value: number, most: number): number => Math.min(Math.max(Math.floor(value), 0), most - 1);
    const [first, last] = [left, right - 1e-6].map((side) => within((side - x) / width, this.across)) as [number, number];
    const [upper, lower] = [top, bottom - 1e-6].map((side) => within((side - y) / height, this.down)) as [number, number];
    const middle = { column: ((left + right) / 2 - x) / width - 0.5, row: ((top + bottom) / 2 - y) / height - 0.5 };
    const found: { tile: number; distance: number }[] = [];
    for (let row = upper; row <= lower; row++) {
      for (let column = first; column <= last; column++) {
        found.push({ tile: row * this.across + column, distance: Math.hypot(column - middle.column, row - middle.row) });
      }
    }
    return found.sort((a, b) => a.distance - b.distance).map(({ tile }) => tile);
  }

  get tiles(): number {
    return this.across * this.down;
  }
}

/** One tile: how it is coded, and where its packets are. */
export class Tile {
  readonly bounds: Bounds;
  private readonly own: Segment[];
  private readonly layers: number;
  private readonly ends: boolean;
  private readonly precincts: Precinct[] = [];

  constructor(
    private readonly main: MainHeader,
    number: number,
    header: Uint8Array,
  ) {
    this.own = segmentsOf(header);
    this.bounds = main.tileBounds(number);
    const cod = this.own.find(({ code }) => code === COD) ?? main.segments.find(({ code }) => code === COD)!;
    this.layers = viewOf(cod.bytes).getUint16(6);
    this.ends = (cod.bytes[4]! & 4) !== 0;
    main.components.forEach((_, component) => this.layOut(number, component, this.coding(component)));
    this.precincts.sort((a, b) => a.resolution - b.resolution || a.y - b.y || a.x - b.x || a.component - b.component || a.id - b.id);
  }

  /** How often the sides are halved at the finest resolution of which something has come; Infinity: nothing has. */
  finest(bin: (id: number) => Bin | undefined): number {
    return this.precincts.reduce((least, { id, reduction }) => (reduction < least && bin(id) ? reduction : least), Infinity);
  }

  /** A codestream of what has come, the sides halved so many times. */
  codestream(reduction: number, bin: (id: number) => Bin | undefined): Uint8Array {
    const wide = this.main.components.length > 256 ? 2 : 1;
    const parts: Uint8Array[] = [Uint8Array.of(0xff, 0x4f)];
    for (const segment of this.main.segments) {
      if (segment.code === SIZ) parts.push(this.siz(segment.bytes, reduction));
      else if (!LEFT_OUT.has(segment.code)) parts.push(changed(segment, reduction, wide));
    }
    const inside = this.own.filter(({ code }) => !LEFT_OUT.has(code)).map((segment) => changed(segment, reduction, wide));
    inside.push(Uint8Array.of(0xff, 0x93));
    const empty = this.ends ? Uint8Array.of(0, 0xff, 0x92) : Uint8Array.of(0);
    for (const { id, reduction: own } of this.precincts) {
      if (own < reduction) continue;
      const found = bin(id);
      if (found) inside.push(found.data);
      for (let layer = found?.layers ?? 0; layer < this.layers; layer++) inside.push(empty);
    }
    const length = inside.reduce((sum, part) => sum + part.length, 12);
    const sot = new Uint8Array(12);
    const view = viewOf(sot);
    view.setUint32(0, 0xff90000a);
    view.setUint32(6, length);
    sot[11] = 1;
    return joined([...parts, sot, ...inside, Uint8Array.of(0xff, 0xd9)]);
  }

  /** SIZ of this tile alone, where it lies on the reference grid. */
  private siz(bytes: Uint8Array, reduction: number): Uint8Array {
    const found = bytes.slice();
    const view = viewOf(found);
    const [x0, y0, x1, y1] = this.bounds.map((side) => Math.ceil(side / 2 ** reduction)) as Bounds;
    [x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0].forEach((value, index) => view.setUint32(6 + 4 * index, value));
    return found;
  }

  private coding(component: number): Coding {
    const wide = this.main.components.length > 256 ? 2 : 1;
    for (const segments of [this.own, this.main.segments]) {
      const coc = segments.find(({ code, bytes }) => code === COC && (wide === 1 ? bytes[4]! : viewOf(bytes).getUint16(4)) === component);
      if (coc) return codingAt(coc.bytes, 5 + wide, (coc.bytes[4 + wide]! & 1) !== 0);
      const cod = segments.find(({ code }) => code === COD);
      if (cod) return codingAt(cod.bytes, 9, (cod.bytes[4]! & 1) !== 0);
    }
    throw new Error("The codestream has no COD.");
  }

  /** The precincts of a component (B.6), with their in-class identifiers (15444-9 A.3.2.1). */
  private layOut(tile: number, component: number, coding: Coding): void {
    const { dx, dy } = this.main.components[component]!;
    const [x0, y0, x1, y1] = this.bounds;
    let sequence = 0;
    for (let resolution = 0; resolution <= coding.decompositions; resolution++) {
      const scale = 2 ** (coding.decompositions - resolution);
      const [left, right] = [x0, x1].map((side) => Math.ceil(Math.ceil(side / dx) / scale)) as [number, number];
      const [top, bottom] = [y0, y1].map((side) => Math.ceil(Math.ceil(side / dy) / scale)) as [number, number];
      const [width, height] = coding.precincts[resolution]!.map((power) => 2 ** power) as [number, number];
      const [firstColumn, firstRow] = [Math.floor(left / width), Math.floor(top / height)];
      const across = right > left ? Math.ceil(right / width) - firstColumn : 0;
      const down = bottom > top ? Math.ceil(bottom / height) - firstRow : 0;
      if (this.precincts.length + across * down > MOST_PRECINCTS) throw new Error("A tile has more precincts than can be shown.");
      for (let place = 0; place < across * down; place++) {
        const [column, row] = [firstColumn + (place % across), firstRow + Math.floor(place / across)];
        this.precincts.push({
          id: tile + (component + sequence++ * this.main.components.length) * this.main.tiles,
          resolution,
          reduction: coding.decompositions - resolution,
          component,
          x: Math.max(x0, column * width * dx * scale),
          y: Math.max(y0, row * height * dy * scale),
        });
      }
    }
  }
}

function codingAt(bytes: Uint8Array, at: number, hasPrecincts: boolean): Coding {
  const decompositions = bytes[at]!;
  const precincts = Array.from({ length: decompositions + 1 }, (_, r): [number, number] => {
    const said = hasPrecincts ? bytes[at + 5 + r]! : 0xff;
    return [said & 15, said >> 4];
  });
  return { decompositions, precincts };
}

/** A segment for the picture that is halved so many times, and for packets in the order RPCL. */
function changed({ code, bytes }: Segment, reduction: number, wide: number): Uint8Array {
  if (code === COD) {
    const found = fewerDecompositions(bytes, 4, 9, reduction);
    found[5] = RPCL;
    return found;
  }
  if (code === COC) return fewerDecompositions(bytes, 4 + wide, 5 + wide, reduction);
  if (code === QCD) return fewerSteps(bytes, 4, reduction);
  if (code === QCC) return fewerSteps(bytes, 4 + wide, reduction);
  return bytes;
}

function fewerDecompositions(bytes: Uint8Array, style: number, at: number, reduction: number): Uint8Array {
  const found = bytes.slice(0, bytes[style]! & 1 ? bytes.length - reduction : bytes.length);
  found[at]! -= reduction;
  viewOf(found).setUint16(2, found.length - 2);
  return found;
}

/** QCD without the steps of the finest subbands, three for each resolution (A.6.4). */
function fewerSteps(bytes: Uint8Array, at: number, reduction: number): Uint8Array {
  const width = [1, 0, 2][bytes[at]! & 31] ?? 0;
  const found = bytes.slice(0, Math.max(at + 1 + width, bytes.length - 3 * reduction * width));
  viewOf(found).setUint16(2, found.length - 2);
  return found;
}

function segmentsOf(bytes: Uint8Array): Segment[] {
  const view = viewOf(bytes);
  const found: Segment[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [code, length] = [view.getUint16(at), view.getUint16(at + 2)];
    if (code < 0xff00 || length < 2 || at + 2 + length > bytes.length) break; // SOD, where a server sends it
    found.push({ code, bytes: bytes.slice(at, at + 2 + length) });
    at += 2 + length;
  }
  return found;
}

function joined(parts: Uint8Array[]): Uint8Array {
  const found = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    found.set(part, at);
    at += part.length;
  }
  return found;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
