// Looks that somebody has saved in this browser, by name: offered again for images of the same channels.

import type { Channels, Image } from "./api.ts";
import { append, el } from "./dom.ts";
import { lookQuery, readLook, type Look } from "./look.ts";

const KEY = "medtiles-looks";
const MOST = 200;

interface Saved {
  name: string;
  /** What it suits; see `subject`. */
  subject: string;
  look: string;
}

/** `changed` is told when another look has been taken, and is to build all controls anew. */
export function presetControls(image: Image, channels: Channels | null, look: Look, changed: () => void): HTMLElement {
  const element = el("details", { class: "presets" });
  const about = subject(image, channels);
  const build = (): void => {
    const mine = load().filter((saved) => saved.subject === about);
    const current = String(lookQuery(look));
    const select = el("select", { "aria-label": "Saved looks" }, el("option", { value: "" }, mine.length ? "Choose …" : "None yet"));
    for (const { name, look: text } of mine) select.append(el("option", { value: name, selected: text === current }, name));
    select.addEventListener("change", () => {
      const chosen = mine.find((saved) => saved.name === select.value);
      if (!chosen) return;
      Object.assign(look, readLook(chosen.look, channels));
      changed();
    });
    const input = el("input", { type: "text", maxlength: 60, placeholder: "Name of this look", "aria-label": "Name of this look" });
    const save = (event: Event): void => {
      event.preventDefault();
      const name = input.value.trim();
      if (!name) return input.focus();
      store([{ name, subject: about, look: String(lookQuery(look)) }, ...load().filter((saved) => saved.name !== name || saved.subject !== about)]);
      build();
    };
    const forget = (): void => {
      store(load().filter((saved) => saved.name !== select.value || saved.subject !== about));
      build();
    };
    element.replaceChildren(el("summary", {}, mine.length ? `Saved looks (${mine.length})` : "Saved looks"));
    append(
      element,
      el("div", { class: "row" }, select, el("button", { class: "button small", type: "button", onclick: forget }, "Delete")),
      el("form", { class: "row", onsubmit: save }, input, el("button", { class: "button small", type: "submit" }, "Save")),
    );
  };
  element.open = load().some((saved) => saved.subject === about);
  build();
  return element;
}

/** Images that a look suits alike: the same channels by name, or as many samples of as many bits. */
function subject(image: Image, channels: Channels | null): string {
  if (channels) return channels.channels.map((channel) => channel.name).join(" | ");
  return `${image.pixels.samples_per_pixel} x ${image.pixels.bits_stored} bit`;
}

function load(): Saved[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(isSaved).slice(0, MOST) : [];
  } catch {
    return []; // another program's words, or a browser that keeps nothing
  }
}

function store(looks: Saved[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(looks.slice(0, MOST)));
  } catch {
    // a browser that keeps nothing: the look is lost with the page
  }
}

function isSaved(value: unknown): value is Saved {
  const saved = value as Partial<Saved> | null;
  return typeof saved?.name === "string" && typeof saved.subject === "string" && typeof saved.look === "string";
}
