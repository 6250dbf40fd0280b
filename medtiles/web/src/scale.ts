// The scale bar: a round length that fits, and how it is written.

import { el } from "./dom.ts";

/** The longest of 1, 2, 5, 10, 20 ... units that is not longer than `most`. */
export function roundLength(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  const factor = most / power;
  return (factor >= 5 ? 5 : factor >= 2 ? 2 : 1) * power;
}

/** A length in words: nanometres, micrometres, millimetres or centimetres. */
export function lengthText(millimetres: number): string {
  if (millimetres < 0.001) return `${number(millimetres * 1e6)} nm`;
  if (millimetres < 1) return `${number(millimetres * 1000)} µm`;
  if (millimetres < 100) return `${number(millimetres)} mm`;
  return `${number(millimetres / 10)} cm`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** The bar. `update` takes the millimetres that one pixel of the screen covers. */
export class ScaleBar {
  readonly element: HTMLElement;
  private readonly bar = el("div", { class: "scale-line" });
  private readonly text = el("div", { class: "scale-text" });

  constructor(private readonly longest = 160) {
    this.element = el("div", { class: "scale-bar", role: "img" }, this.text, this.bar);
    this.element.hidden = true;
  }

  update(millimetresPerPixel: number | null): void {
    this.element.hidden = !millimetresPerPixel || !Number.isFinite(millimetresPerPixel);
    if (this.element.hidden || !millimetresPerPixel) return;
    const length = roundLength(millimetresPerPixel * this.longest);
    this.bar.style.width = `${length / millimetresPerPixel}px`;
    this.text.textContent = lengthText(length);
    this.element.setAttribute("aria-label", `Scale: ${lengthText(length)}`);
  }
}
