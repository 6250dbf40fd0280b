// Bringing images to the server: a button, and dropping files anywhere on the list. One after the other, each with its progress.

import type { Summary } from "./api.ts";
import { el, icon } from "./dom.ts";

export interface Limits {
  most_bytes: number;
}

export class Uploader {
  readonly element: HTMLElement;
  private readonly lines = el("ul", { class: "uploads", "aria-label": "Uploads" });
  private readonly waiting: [File, HTMLElement][] = [];
  private isBusy = false;
  private readonly controller = new AbortController();

  constructor(private readonly limits: Limits, private readonly arrived: (id: Summary["id"]) => void) {
    const input = el("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true" });
    input.addEventListener("change", () => {
      this.take(input.files);
      input.value = "";
    });
    const button = el("button", { class: "button", type: "button", onclick: () => input.click() }, icon("upload"), "Add images");
    const hint = el("span", { class: "hint" }, `or drop them here, up to ${size(limits.most_bytes)} each`);
    this.element = el("section", { class: "adding" }, el("div", { class: "bar" }, button, hint, input), this.lines);
    this.listen();
  }

  close(): void {
    this.controller.abort();
    document.body.classList.remove("dropping");
  }

  /** Files dropped anywhere on the page are meant for us. */
  private listen(): void {
    const signal = this.controller.signal;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    let depth = 0;
    const show = (): void => void document.body.classList.toggle("dropping", depth > 0);
    window.addEventListener("dragenter", (event) => {
      if (hasFiles(event)) depth += 1;
      show();
    }, { signal });
    window.addEventListener("dragleave", (event) => {
      if (hasFiles(event)) depth = Math.max(0, depth - 1);
      show();
    }, { signal });
    window.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    }, { signal });
    window.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      show();
      this.take(event.dataTransfer?.files ?? null);
    }, { signal });
  }

  private take(files: FileList | null): void {
    for (const file of files ?? []) {
      const line = el("li", {}, el("span", { class: "name" }, file.name), el("span", { class: "state", role: "status" }, "waiting"));
      this.lines.prepend(line);
      if (file.size > this.limits.most_bytes) fail(line, `too large: ${size(file.size)}, at most ${size(this.limits.most_bytes)} are taken`);
      else this.waiting.push([file, line]);
    }
    void this.work();
  }

  private async work(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const [file, line] = next;
      try {
        const id = await send(file, (part) => progress(line, part), this.controller.signal);
        line.className = "done";
        state(line, "added");
        window.setTimeout(() => line.remove(), 4000);
        this.arrived(id);
      } catch (error) {
        fail(line, error instanceof Error ? error.message : String(error));
      }
    }
    this.isBusy = false;
  }
}

/** fetch tells nothing of how much has been sent; XMLHttpRequest does. */
function send(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/images?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => progress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer.id) resolve(answer.id);
      else reject(new Error(answer.detail ?? `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("the connection to the server broke")));
    request.addEventListener("abort", () => reject(new Error("cancelled")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function parsed(text: string): { id?: string; detail?: string } {
  try {
    return JSON.parse(text) as { id?: string; detail?: string };
  } catch {
    return {};
  }
}

function progress(line: HTMLElement, part: number): void {
  line.style.setProperty("--part", `${Math.round(part * 100)}%`);
  state(line, part < 1 ? `${Math.round(part * 100)} %` : "being looked at …");
}

function state(line: HTMLElement, text: string): void {
  line.querySelector(".state")!.textContent = text;
}

function fail(line: HTMLElement, text: string): void {
  line.className = "failed";
  state(line, text);
  line.append(el("button", { class: "icon-button", type: "button", "aria-label": "Dismiss", onclick: () => line.remove() }, icon("close")));
}

function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toLocaleString("en", { maximumFractionDigits: 1 })} ${units[step]}`;
}
