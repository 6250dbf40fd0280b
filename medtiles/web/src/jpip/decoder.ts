// Decodes codestreams of JPEG 2000 and HTJ2K in a worker, one at a time: { number, bytes } → Decoded.

import openJpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";

export interface Decoded {
  number: number;
  width: number;
  height: number;
  components: number;
  bits: number;
  /** Interleaved by pixel; absent when it cannot be decoded. */
  samples?: Uint8Array | Int8Array | Uint16Array | Int16Array;
  error?: string;
}

/** What a codestream may bring: a picture's side and its samples, before memory is asked for them. */
const MOST_BYTES = 512 * 1024 * 1024;

const load = (): ReturnType<typeof openJpeg> => openJpeg({ locateFile: (name) => `/static/${name}` });
let codec = load();

self.addEventListener("message", (event: MessageEvent<{ number: number; bytes: Uint8Array }>) => void answer(event.data.number, event.data.bytes));

async function answer(number: number, bytes: Uint8Array): Promise<void> {
  try {
    const found = await decoded(number, bytes);
    self.postMessage(found, { transfer: found.samples ? [found.samples.buffer as ArrayBuffer] : [] });
  } catch (error) {
    codec = load(); // one that has thrown may hold its memory, or be no more
    self.postMessage({ number, width: 0, height: 0, components: 0, bits: 0, error: error instanceof Error ? error.message : String(error) });
  }
}

async function decoded(number: number, bytes: Uint8Array): Promise<Decoded> {
  const decoder = new (await codec).J2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount: components, bitsPerSample: bits, isSigned } = decoder.getFrameInfo();
    const wide = bits > 8 ? 2 : 1;
    const length = width * height * components * wide;
    if (!length || length > MOST_BYTES || bits > 16) throw new Error(`${width} x ${height} x ${components} samples of ${bits} bits cannot be shown.`);
    const copy = decoder.getDecodedBuffer().slice(0, length);
    if (copy.length !== length) throw new Error("OpenJPEG gave fewer samples than the picture has.");
    const type = wide === 1 ? (isSigned ? Int8Array : Uint8Array) : isSigned ? Int16Array : Uint16Array;
    return { number, width, height, components, bits, samples: new type(copy.buffer) };
  } finally {
    decoder.delete();
  }
}
