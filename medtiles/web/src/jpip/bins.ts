// What has come of an image's data-bins, kept until the page is left: nothing of it is asked for again.

import { EXTENDED_PRECINCT, MAIN_HEADER, METADATA, PRECINCT, TILE_HEADER, type Message } from "./messages.ts";

export interface Bin {
  /** From its beginning, without a gap. */
  data: Uint8Array;
  isWhole: boolean;
  /** Quality layers that are whole; Infinity: all. */
  layers: number;
}

/** Codestream → class → in-class identifier → data-bin. */
export class Bins {
  private readonly all = new Map<number, Map<number, Map<number, Bin>>>();

  /** Takes a message; whether it brought something. */
  add(message: Message): boolean {
    const kind = message.kind === EXTENDED_PRECINCT ? PRECINCT : message.kind;
    const ofStream = fetchOr(this.all, message.stream, () => new Map<number, Map<number, Bin>>());
    const bin = fetchOr(fetchOr(ofStream, kind, () => new Map<number, Bin>()), message.id, emptyBin);
    const end = message.offset + message.body.length;
    if (message.offset > bin.data.length || bin.isWhole || (end <= bin.data.length && !message.isLast)) return false;
    if (end > bin.data.length) {
      const data = new Uint8Array(end);
      data.set(bin.data);
      data.set(message.body, message.offset);
      bin.data = data;
      bin.layers = message.layers;
    }
    if (message.isLast) [bin.isWhole, bin.layers] = [true, Infinity];
    return true;
  }

  mainHeader(stream: number): Uint8Array | null {
    const bin = this.all.get(stream)?.get(MAIN_HEADER)?.get(0);
    return bin?.isWhole ? bin.data : null;
  }

  tileHeader(stream: number, tile: number): Uint8Array | null {
    const bin = this.all.get(stream)?.get(TILE_HEADER)?.get(tile);
    return bin?.isWhole ? bin.data : null;
  }

  /** A precinct of which something has come. */
  precinct(stream: number, id: number): Bin | undefined {
    const bin = this.all.get(stream)?.get(PRECINCT)?.get(id);
    return bin?.data.length && bin.layers ? bin : undefined;
  }

  /** The field `model`: what a new session need not send. Empty: nothing is here. */
  model(): string {
    const found: string[] = [];
    for (const [stream, kinds] of this.all) {
      found.push(`[${stream}]`);
      for (const [kind, bins] of kinds) found.push(...descriptors(kind, bins));
    }
    return found.join(",").replaceAll("],", "]");
  }
}

const LETTERS: Record<number, string> = { [PRECINCT]: "P", [TILE_HEADER]: "H", [METADATA]: "M" };

function descriptors(kind: number, bins: Map<number, Bin>): string[] {
  const letter = kind === MAIN_HEADER ? "Hm" : LETTERS[kind];
  if (letter === undefined) return [];
  const found: string[] = [];
  const whole = [...bins].filter(([, bin]) => bin.isWhole).map(([id]) => id).sort((a, b) => a - b);
  for (let start = 0; start < whole.length; ) {
    let end = start;
    while (whole[end + 1] === whole[end]! + 1) end++;
    if (kind === MAIN_HEADER) found.push(letter);
    else found.push(`${letter}${whole[start]}${end > start ? `-${whole[end]}` : ""}`);
    start = end + 1;
  }
  for (const [id, bin] of bins) {
    if (!bin.isWhole && bin.data.length) found.push(`${letter}${kind === MAIN_HEADER ? "" : id}:${bin.data.length}`);
  }
  return found;
}

function emptyBin(): Bin {
  return { data: new Uint8Array(0), isWhole: false, layers: 0 };
}

function fetchOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = make()));
  return found;
}
