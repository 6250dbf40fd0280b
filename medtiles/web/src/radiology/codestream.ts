// Where the resolutions of an HTJ2K or JPEG 2000 codestream end, from its main header alone.
//
// A codestream whose progression puts resolutions first (RPCL) and which has one tile-part for each of them tells their
// lengths in TLM (ISO/IEC 15444-1 A.7.1), before the first sample. So a picture of any size can be cut from what has come.

export interface Resolutions {
  /** Bytes that complete each resolution, coarsest first. */
  ends: number[];
  /** How often the whole picture was halved for the coarsest. */
  decompositions: number;
}

const [SOC, SIZ, COD, TLM, SOT] = [0xff4f, 0xff51, 0xff52, 0xff55, 0xff90];
const RPCL = 2;

/** The resolutions; "unknown" while the main header is not there; null when the codestream cannot be cut by it. */
export function resolutions(bytes: Uint8Array): Resolutions | null | "unknown" {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return "unknown";
  if (view.getUint16(0) !== SOC || view.getUint16(2) !== SIZ) return null;
  const lengths: number[] = [];
  let decompositions = -1;
  let place = 2;
  for (;;) {
    if (place + 4 > bytes.length) return "unknown";
    const marker = view.getUint16(place);
    if (marker === SOT) return cut(place, lengths, decompositions);
    const size = view.getUint16(place + 2);
    if (marker < 0xff00 || size < 2) return null;
    if (place + 2 + size > bytes.length) return "unknown";
    if (marker === COD) decompositions = view.getUint8(place + 5) === RPCL ? view.getUint8(place + 9) : -1;
    if (marker === TLM && !readLengths(view, place, size, lengths)) return null;
    place += 2 + size;
  }
}

function cut(start: number, lengths: number[], decompositions: number): Resolutions | null {
  if (decompositions < 0 || lengths.length !== decompositions + 1) return null;
  let end = start;
  return { ends: lengths.map((length) => (end += length)), decompositions };
}

/** Adds the lengths of tile-parts of one marker segment; false when they are not all of the first tile. */
function readLengths(view: DataView, place: number, size: number, lengths: number[]): boolean {
  const kind = view.getUint8(place + 5);
  const [forTile, forLength] = [(kind >> 4) & 3, kind & 0x40 ? 4 : 2];
  if (forTile > 2) return false;
  for (let at = place + 6; at + forTile + forLength <= place + 2 + size; at += forTile + forLength) {
    const tile = forTile === 0 ? 0 : forTile === 1 ? view.getUint8(at) : view.getUint16(at);
    if (tile !== 0) return false;
    lengths.push(forLength === 4 ? view.getUint32(at + forTile) : view.getUint16(at + forTile));
  }
  return true;
}
