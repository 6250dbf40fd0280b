// A channel of a JPIP server (ISO/IEC 15444-9 C.3): asks for what is looked at, and never twice for the same.

import { Problem, reason } from "../api.ts";
import type { Bins } from "./bins.ts";
import { BYTE_LIMIT, MessageReader, RESPONSE_LIMIT, SESSION_LIMIT, type Message } from "./messages.ts";

/** What is wanted of a codestream: a part of it at one of its sizes. None: its main header alone. */
export interface ViewWindow {
  stream: number;
  size?: [number, number];
  offset?: [number, number];
  region?: [number, number];
}

interface Ears {
  /** A message brought something new. */
  came(message: Message): void;
  /** Something about the way it goes has changed: bytes have come, a request has begun or ended. */
  changed(): void;
  failed(error: Problem): void;
}

const PATIENCE = 100; // milliseconds between requests of a view that moves
const MOST_TRIES = 4;
const LONGEST_QUERY = 6000;

export class Session {
  /** Bytes of bodies. */
  received = 0;
  requests = 0;
  private cid = "";
  private wanted: ViewWindow | null = null;
  private asked = "";
  private waiting = 0;
  private lastAsked = 0;
  private tries = 0;
  private running = 0;
  private isClosed = false;
  /** The request that opens a channel: no other goes before it has its answer. */
  private isOpening = false;

  constructor(
    private readonly image: string,
    private readonly bins: Bins,
    private readonly ears: Ears,
  ) {}

  get isBusy(): boolean {
    return this.running > 0 || this.waiting !== 0;
  }

  /** Asks for a window; what was asked for before and has not come is given up. */
  want(wanted: ViewWindow): void {
    const words = fieldsOf(wanted);
    if (words === this.asked || this.isClosed) return;
    this.wanted = wanted;
    this.asked = words;
    this.tries = 0;
    this.later(Math.max(0, this.lastAsked + PATIENCE - performance.now()));
  }

  /** Tries again after an error. */
  again(): void {
    const wanted = this.wanted;
    [this.asked, this.tries] = ["", 0];
    if (wanted) this.want(wanted);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.waiting);
    if (this.cid) void fetch(`/jpip?cid=${this.cid}&cclose=*`, { keepalive: true }).catch(() => undefined);
  }

  private later(milliseconds: number): void {
    if (this.isOpening) return; // its end asks on
    clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => {
      this.waiting = 0;
      void this.ask();
    }, milliseconds);
    this.ears.changed();
  }

  /** One request. Its answer is read to its end even when it is not wanted any more, so that nothing is lost. */
  private async ask(): Promise<void> {
    if (this.isClosed || !this.wanted) return;
    const [asked, used] = [this.asked, this.cid];
    this.lastAsked = performance.now();
    this.running++;
    this.requests++;
    this.isOpening = !used;
    let next: number | null = null;
    try {
      const end = await this.send(asked, used);
      this.tries = 0;
      if (end === SESSION_LIMIT && this.cid === used) this.cid = "";
      if (asked !== this.asked || end === BYTE_LIMIT || end === RESPONSE_LIMIT || end === SESSION_LIMIT) next = 0;
    } catch (error) {
      if (this.cid === used) this.cid = "";
      next = this.failed(asked, error);
    } finally {
      this.running--;
      this.isOpening = false;
    }
    if (this.isClosed) return;
    if (next !== null && !this.waiting) this.later(next);
    this.ears.changed();
  }

  /** When to try again, in milliseconds; null: not at all. */
  private failed(asked: string, error: unknown): number | null {
    if (this.isClosed) return null;
    if (asked !== this.asked) return 0;
    this.tries++;
    const problem = error instanceof Problem ? error : new Problem(error instanceof Error ? error.message : String(error), 0);
    const isHopeless = problem.status >= 400 && problem.status < 500 && problem.status !== 404 && problem.status !== 429;
    if (this.tries < MOST_TRIES && !isHopeless) return 250 * 2 ** this.tries;
    this.ears.failed(problem);
    return null;
  }

  /** Sends a request and takes all of its answer; why it ended. */
  private async send(asked: string, cid: string): Promise<number> {
    // the image is named within a channel too: whoever reads the server's log sees what was looked at
    const opening = cid ? `cid=${cid}` : "cnew=http&type=jpp-stream;ptype=ext&align=yes";
    const fields = `target=${encodeURIComponent(this.image)}&${opening}&${asked}`;
    const model = cid ? "" : this.bins.model();
    const query = model ? `${fields}&model=${model}` : fields;
    const response = await (query.length > LONGEST_QUERY ? fetch("/jpip", { method: "POST", body: query }) : fetch(`/jpip?${query}`));
    if (!response.ok) throw new Problem(await reason(response), response.status);
    const granted = /cid=([^,;]+)/.exec(response.headers.get("JPIP-cnew") ?? "")?.[1];
    if (granted) {
      if (this.isClosed) void fetch(`/jpip?cid=${granted}&cclose=*`, { keepalive: true }).catch(() => undefined);
      this.cid = granted;
      this.isOpening = false;
      if (asked !== this.asked) this.later(0);
    }
    return this.take(response);
  }

  private async take(response: Response): Promise<number> {
    const reader = response.body?.getReader();
    const messages = new MessageReader();
    let end: number | null = null;
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader!.read()) {
      this.received += piece.value.length;
      for (const message of messages.feed(piece.value)) {
        if ("reason" in message) end = message.reason;
        else if (this.bins.add(message) && !this.isClosed) this.ears.came(message);
      }
      if (!this.isClosed) this.ears.changed();
    }
    if (end === null) throw new Error("The answer was cut.");
    return end;
  }
}

function fieldsOf({ stream, size, offset, region }: ViewWindow): string {
  const window = size && offset && region ? `&fsiz=${size.join()},closest&roff=${offset.join()}&rsiz=${region.join()}` : "";
  return `stream=${stream}${window}`;
}
