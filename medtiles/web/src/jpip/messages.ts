// Messages of the JPP-stream: pieces of data-bins, each behind a header (ISO/IEC 15444-9 Annex A).

export interface Message {
  kind: number;
  stream: number;
  /** The in-class identifier. */
  id: number;
  offset: number;
  body: Uint8Array;
  isLast: boolean;
  /** Of extended precincts: how many quality layers are whole with this message. */
  layers: number;
}

/** The end of a response (D.3). */
export interface End {
  reason: number;
}

export const PRECINCT = 0;
export const EXTENDED_PRECINCT = 1;
export const TILE_HEADER = 2;
export const MAIN_HEADER = 6;
export const METADATA = 8;

export const BYTE_LIMIT = 4;
export const SESSION_LIMIT = 6;
export const RESPONSE_LIMIT = 7;

const LONGEST_NUMBER = 7; // bytes: what follows must be an exact number

/** Bytes → messages, as the bytes come. One for each response. */
export class MessageReader {
  private bytes = new Uint8Array(0);
  private at = 0;
  private kind = 0;
  private stream = 0;

  /** Takes some bytes; gives the messages that are whole with them. Throws when the bytes are none. */
  feed(more: Uint8Array): (Message | End)[] {
    const all = new Uint8Array(this.bytes.length + more.length);
    all.set(this.bytes);
    all.set(more, this.bytes.length);
    this.bytes = all;
    const found: (Message | End)[] = [];
    let done = 0;
    this.at = 0;
    for (let next = this.next(); next !== null; next = this.next()) {
      found.push(next);
      done = this.at;
    }
    this.bytes = all.subarray(done);
    return found;
  }

  /** The next one; null: its rest has not come. */
  private next(): Message | End | null {
    if (this.at >= this.bytes.length) return null;
    const first = this.bytes[this.at]!;
    const form = (first >> 5) & 3;
    if (first === 0) return this.end();
    if (!form) throw new Error(`The answer is no JPP-stream: a message begins with ${first}.`);
    let id: number | null = first & 15;
    this.at += 1;
    if (first & 0x80) id = this.number(id);
    const kind = form >= 2 ? this.number() : this.kind;
    const stream = form === 3 ? this.number() : this.stream;
    const [offset, length] = [this.number(), this.number()];
    const layers = kind !== null && kind & 1 ? this.number() : 0;
    if (id === null || kind === null || stream === null || offset === null || length === null || layers === null) return null;
    if (this.at + length > this.bytes.length) return null;
    const body = this.bytes.slice(this.at, this.at + length);
    this.at += length;
    [this.kind, this.stream] = [kind, stream];
    return { kind, stream, id, offset, body, isLast: (first & 0x10) !== 0, layers };
  }

  private end(): End | null {
    const reason = this.bytes[this.at + 1];
    this.at += 2;
    const length = this.number();
    if (reason === undefined || length === null || this.at + length > this.bytes.length) return null;
    this.at += length;
    return { reason };
  }

  /** Seven bits a byte, more where the top bit is set (A.2.1); null: the rest has not come. */
  private number(value = 0): number | null {
    for (let count = 0; count < LONGEST_NUMBER; count++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return null;
      value = value * 128 + (byte & 127);
      if (!(byte & 0x80)) return value;
    }
    throw new Error("The answer is no JPP-stream: a number is too long.");
  }
}
