// The window of a stack: the file's own, a preset, or the user's; and the list to choose from.

import type { Display, Image, Window } from "./api.ts";
import { el } from "./dom.ts";
import { isWindowed, type Slice } from "./slices.ts";
import { modalityValue, type Windowing } from "./windowing.ts";

const CT_WINDOWS: [string, number, number][] = [
  ["Soft tissue", 40, 400],
  ["Lung", -600, 1500],
  ["Bone", 400, 1800],
  ["Brain", 40, 80],
];

/** What a window must know of a slice: how it is displayed, its least and greatest stored value. */
export type Shown = Pick<Slice, "display" | "low" | "high">;

export class Contrast {
  readonly choices = el("select", { "aria-label": "Window" });
  window: Windowing | null = null;
  isInverted = false;
  /** Whether the user chose the window; else each slice has its own. */
  isOwn = false;
  private slice: Shown | null = null;

  constructor(
    private readonly image: Image,
    private readonly changed: () => void,
  ) {
    this.choices.addEventListener("change", () => this.usePreset(this.choices.value));
    this.fill(image.display);
  }

  /** The next slice: keeps the user's window, or takes the slice's own. */
  follow(slice: Shown): void {
    this.slice = slice;
    if (!this.isOwn) this.window = this.defaultWindow();
  }

  set(centre: number, width: number): void {
    const kind = this.window?.function ?? this.display().windows[0]?.function ?? "LINEAR";
    const least = this.image.pixels.float ? 1e-6 : 1;
    this.adopt({ centre, width: Math.max(width, least), function: kind });
    this.changed();
  }

  /** Takes a window that is on the screen already. */
  adopt(window: Windowing): void {
    this.window = window;
    this.isOwn = true;
    this.choices.value = "own";
  }

  /** Dragging: across for the width, up and down for the centre. */
  drag(dx: number, dy: number): void {
    const now = this.window ?? this.allValues();
    const step = Math.max(Math.abs(now.width), 1) / 300;
    this.set(now.centre + dy * step, now.width + dx * step);
  }

  invert(): void {
    this.isInverted = !this.isInverted;
    this.changed();
  }

  reset(): void {
    this.isInverted = false;
    this.useDefault();
  }

  /** For people: `C 40  W 400 HU`. */
  text(): string {
    if (!isWindowed(this.image)) return "";
    if (!this.window) return this.display().voi_lut ? "VOI LUT" : "";
    return `C ${rounded(this.window.centre)}  W ${rounded(this.window.width)}${unitsOf(this.display())}`;
  }

  private display(): Display {
    return this.slice?.display ?? this.image.display;
  }

  private defaultWindow(): Windowing | null {
    const display = this.display();
    const first = display.windows[0];
    return display.voi_lut || !first ? null : asWindowing(first);
  }

  private fill(display: Display): void {
    const own: [string, number, number][] = display.windows
      .map((window, index): [string, number | null, number | null] => [
        window.explanation || `Window ${index + 1} of the file`,
        window.centre,
        window.width,
      ])
      .filter((window): window is [string, number, number] => window[1] !== null && window[2] !== null);
    const known = this.image.dicom?.modality === "CT" ? CT_WINDOWS : [];
    this.choices.replaceChildren(
      el("option", { value: "" }, display.voi_lut ? "Default (LUT)" : "Default"),
      ...[...own, ...known].map(([name, centre, width]) =>
        el("option", { value: `${centre},${width}` }, `${name} (${rounded(centre)} / ${rounded(width)})`),
      ),
      el("option", { value: "all" }, "All values"),
      el("option", { value: "own", hidden: true }, "Own"),
    );
  }

  private usePreset(value: string): void {
    const [centre, width] = value.split(",").map(Number);
    if (value === "all") {
      const all = this.allValues();
      this.set(all.centre, all.width);
    } else if (value && centre !== undefined && width !== undefined) this.set(centre, width);
    else this.useDefault();
    if (this.isOwn) this.choices.value = value;
  }

  private useDefault(): void {
    this.isOwn = false;
    this.choices.value = "";
    this.window = this.defaultWindow();
    this.changed();
  }

  allValues(): Windowing {
    const ends = [this.slice?.low ?? 0, this.slice?.high ?? 255].map((stored) => modalityValue(stored, this.display()));
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    return { centre: (low + high) / 2, width: Math.max(high - low, 1e-6), function: "LINEAR" };
  }
}

/** Units as they follow a number; values without units say nothing. */
export function unitsOf(display: Display): string {
  return display.units && display.units !== "US" ? ` ${display.units}` : "";
}

export function rounded(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

function asWindowing(window: Window): Windowing | null {
  if (window.centre === null || window.width === null) return null;
  return { centre: window.centre, width: window.width, function: window.function };
}
