// Adjustments of a picture in its panel: brightness, contrast, inversion, spreading, a colour map, sharpness, profile.

import type { Image } from "./api.ts";
import { append, el } from "./dom.ts";
import { usualLook, type Look } from "./look.ts";

const MAPS = ["viridis", "magma", "inferno", "plasma", "cividis", "turbo", "hot", "jet"];

export function adjustControls(image: Image, look: Look, changed: () => void): HTMLElement {
  const element = el("details", { class: "adjust", open: isAdjusted(look) });
  const build = (): void => {
    const isGrey = image.pixels.samples_per_pixel === 1 && !look.channels.length;
    element.replaceChildren(el("summary", {}, "Adjustments"));
    append(
      element,
      slider("Brightness", look.gamma, -1, (value) => (look.gamma = value), changed),
      slider("Contrast", look.contrast, 1, (value) => (look.contrast = value), changed),
      choice("Values", look.spread, [["", "As they are"], ["stretch", "Stretched"], ["equalize", "Equalized"]], (value) => (look.spread = value), changed),
      isGrey && choice("Colours", look.map, [["", "Grey"], ...MAPS.map((name): [string, string] => [name, name])], (value) => (look.map = value), changed),
      tick("Inverted", look.isInverted, (value) => (look.isInverted = value), changed),
      tick("Sharpened", look.isSharp, (value) => (look.isSharp = value), changed),
      image.has_icc_profile && tick("Colours by its ICC profile", look.isSrgb, (value) => (look.isSrgb = value), changed),
      el("button", { class: "button small", type: "button", onclick: reset }, "As it was"),
    );
  };
  const reset = (): void => {
    Object.assign(look, { ...usualLook(null), channels: look.channels, project: look.project });
    build();
    changed();
  };
  build();
  return element;
}

function isAdjusted(look: Look): boolean {
  const usual = usualLook(null);
  return (["gamma", "contrast", "isInverted", "spread", "map", "isSharp", "isSrgb"] as const).some((name) => look[name] !== usual[name]);
}

/** A slider whose middle is 1; `direction` -1: to the right is less. */
function slider(name: string, value: number, direction: number, apply: (value: number) => void, changed: () => void): HTMLElement {
  const input = el("input", { type: "range", min: -10, max: 10, value: Math.round(Math.log2(value) * 5 * direction), "aria-label": name });
  input.addEventListener("input", () => {
    apply(Number((2 ** ((Number(input.value) * direction) / 5)).toFixed(3)));
    changed();
  });
  return el("label", { class: "field" }, name, input);
}

function choice(name: string, value: string, options: [string, string][], apply: (value: string) => void, changed: () => void): HTMLElement {
  const select = el("select", { "aria-label": name }, ...options.map(([word, text]) => el("option", { value: word, selected: word === value }, text)));
  select.addEventListener("change", () => {
    apply(select.value);
    changed();
  });
  return el("label", { class: "field" }, name, select);
}

function tick(name: string, value: boolean, apply: (value: boolean) => void, changed: () => void): HTMLElement {
  const input = el("input", { type: "checkbox", checked: value });
  input.addEventListener("change", () => {
    apply(input.checked);
    changed();
  });
  return el("label", { class: "tick" }, input, name);
}
