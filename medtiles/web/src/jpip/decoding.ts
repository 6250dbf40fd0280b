// The worker that decodes, seen from the page: one codestream at a time; one that hangs is ended, and another begun.

import type { Decoded } from "./decoder.ts";

const PATIENCE = 30_000;

export class Decoding {
  private worker: Worker | null = null;
  private number = 0;
  private giveUp: ((error: Error) => void) | null = null;

  /** Throws what the decoder said. Nothing else is asked for before it has answered. */
  async decode(bytes: Uint8Array): Promise<Required<Omit<Decoded, "error">>> {
    const number = ++this.number;
    const worker = (this.worker ??= new Worker("/static/jpip_decoder.js", { type: "module" }));
    const answer = await new Promise<Decoded>((resolve, reject) => {
      const timer = setTimeout(() => this.end(new Error("The decoder does not answer.")), PATIENCE);
      this.giveUp = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      worker.onmessage = ({ data }: MessageEvent<Decoded>) => {
        if (data.number !== number) return;
        clearTimeout(timer);
        resolve(data);
      };
      worker.onerror = (event) => this.end(new Error(event.message || "The decoder cannot be loaded."));
      worker.postMessage({ number, bytes }, [bytes.buffer as ArrayBuffer]);
    });
    const { error, samples } = answer;
    if (!samples) throw new Error(error ?? "The decoder gave nothing.");
    return { ...answer, samples };
  }

  close(): void {
    this.end(new Error("The view is closed."));
  }

  private end(error: Error): void {
    this.worker?.terminate();
    this.worker = null;
    this.giveUp?.(error);
  }
}
