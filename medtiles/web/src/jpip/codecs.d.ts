// OpenJPEG compiled to WebAssembly, as far as it is used here.

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  interface FrameInfo {
    width: number;
    height: number;
    bitsPerSample: number;
    componentCount: number;
    isSigned: boolean;
  }

  interface Decoder {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    getFrameInfo(): FrameInfo;
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }

  interface Codec {
    J2KDecoder: new () => Decoder;
  }

  export default function factory(options: { locateFile(name: string): string }): Promise<Codec>;
}
