// What lies over a viewport: letters of direction at its sides, and lines of text in its corners.

import { utilities } from "@cornerstonejs/tools";
import type { Types } from "@cornerstonejs/core";

import { append, el } from "../dom.ts";

/** The sine of 20 degrees: what is less oblique than that gets no second letter. */
const OBLIQUE = 0.34;
const OPPOSITE: Record<string, string> = { R: "L", L: "R", A: "P", P: "A", H: "F", F: "H" };

export class Marks {
  readonly elements: HTMLElement[];
  private readonly sides = { top: mark("head"), right: mark("after"), bottom: mark("foot"), left: mark("before") };

  constructor() {
    this.elements = Object.values(this.sides);
  }

  /** By the camera: what is up, and what faces the one who looks. */
  orient(camera: Types.ICamera | null): void {
    const { viewUp: up, viewPlaneNormal: normal } = camera ?? {};
    if (!up || !normal) return this.write("", "");
    const right: Types.Point3 = [up[1] * normal[2] - up[2] * normal[1], up[2] * normal[0] - up[0] * normal[2], up[0] * normal[1] - up[1] * normal[0]];
    const letters = (way: Types.Point3): string =>
      utilities.orientation.getOrientationStringLPS(way.map((value) => (Math.abs(value) < OBLIQUE ? 0 : value)) as Types.Point3);
    this.write(letters(right), letters(up.map((value) => -value) as Types.Point3));
  }

  /** Letters of what lies towards the right and the foot of the picture. */
  write(right: string, bottom: string): void {
    this.sides.right.textContent = right;
    this.sides.bottom.textContent = bottom;
    this.sides.left.textContent = opposite(right);
    this.sides.top.textContent = opposite(bottom);
  }
}

function mark(side: string): HTMLElement {
  return el("div", { class: `mark ${side}`, "aria-hidden": "true" });
}

function opposite(letters: string): string {
  return [...letters].map((letter) => OPPOSITE[letter] ?? "").join("");
}

/** A corner of a viewport with its lines. */
export function corner(place: string, ...lines: HTMLElement[]): HTMLElement {
  const element = el("div", { class: `corner ${place}` });
  append(element, ...lines);
  return element;
}
