// The keys and gestures, in a dialog.

import { el, iconButton } from "../dom.ts";
import { TOOLS } from "./tools.ts";

const KEYS: readonly [string, string][] = [
  ["Wheel, ↑ ↓ ← →", "slice by slice"],
  ["Page up, Page down", "ten slices"],
  ["Home, End", "first and last slice"],
  ["Space", "cine"],
  ["[ ]", "cine slower, faster"],
  ...TOOLS.map(([, , label, key]): [string, string] => [key, (label.split(":")[0] ?? label).toLowerCase()]),
  ["W", "next window of the list"],
  ["X", "black and white exchanged"],
  ["+ −", "zoom"],
  ["Z", "one pixel on one of the screen"],
  ["P", "pixels smooth or sharp"],
  ["R, 0", "as at first"],
  ["Delete", "remove the last measurement"],
  ["V", "three planes, or back"],
  ["S", "series of the study"],
  ["I, F, Esc", "about the image, full screen, back to the list"],
];
const MOUSE: readonly [string, string][] = [
  ["Left button, one finger", "the tool that is chosen"],
  ["Right button, two fingers", "zoom; two fingers also move"],
  ["Middle button, Shift + left", "move"],
  ["Three fingers", "scroll"],
];

export function showHelp(): void {
  const close = iconButton("close", "Close", () => dialog.close());
  const header = el("header", {}, el("h2", {}, "Keys and gestures"), close);
  const dialog = el("dialog", { class: "enlarged help", "aria-label": "Keys and gestures" }, header, table(KEYS), table(MOUSE));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function table(rows: readonly [string, string][]): HTMLElement {
  return el("dl", {}, ...rows.map(([key, meaning]) => el("div", {}, el("dt", {}, key), el("dd", {}, meaning))));
}
