// The channels of an image in its panel: which are shown, from and to which value, in which colour.

import type { Channel, Channels } from "./api.ts";
import { append, el, iconButton } from "./dom.ts";
import { rounded, usualChannel, type ChannelLook, type Look } from "./look.ts";

const STEPS = 1000;

/** One block for each channel; `changed` is told after each change of the look. */
export function channelControls(channels: Channels, look: Look, changed: () => void): HTMLElement {
  const element = el("section", { class: "channels", "aria-label": "Channels" });
  const blocks = channels.channels.map((_, index) => new ChannelBlock(channels, look, index, changed));
  const all = (make: (index: number) => ChannelLook): void => {
    blocks.forEach((block, index) => block.take({ ...make(index), isShown: look.channels[index]!.isShown }));
    changed();
  };
  const auto = (): void => all((index) => usualChannel(channels, index));
  const full = (): void =>
    all((index) => {
      const [low, high] = channels.channels[index]!.domain;
      return { ...look.channels[index]!, low, high, gamma: 1 };
    });
  append(
    element,
    el("h2", {}, "Channels"),
    el("div", { class: "row" }, button("Auto", "From the 0.1st to the 99.9th percentile", auto), button("All values", "All that there can be", full)),
    ...blocks.map((block) => block.element),
  );
  if (channels.z > 1) element.append(projection(channels, look, changed));
  return element;
}

function projection(channels: Channels, look: Look, changed: () => void): HTMLElement {
  const names = new Map([["", "One focal plane"], ["max", "Brightest of all"], ["mean", "Mean of all"], ["min", "Darkest of all"]]);
  const known = ["", ...channels.projections];
  const options = known.map((value) => el("option", { value, selected: value === look.project }, names.get(value) ?? value));
  const select = el("select", { "aria-label": "Focal planes" }, ...options);
  select.addEventListener("change", () => {
    look.project = select.value;
    changed();
  });
  return el("label", { class: "field" }, "Focal planes", select);
}

function button(text: string, title: string, action: () => void): HTMLElement {
  return el("button", { class: "button small", type: "button", title, onclick: action }, text);
}

/** The controls of one channel. */
class ChannelBlock {
  readonly element: HTMLElement;
  private readonly shown: HTMLInputElement;
  private readonly colour: HTMLInputElement;
  private readonly low: HTMLInputElement;
  private readonly high: HTMLInputElement;
  private readonly gamma: HTMLInputElement;
  private readonly text = el("output", { class: "range-text" });
  private readonly band: SVGRectElement;

  private readonly channel: Channel;

  constructor(
    channels: Channels,
    private readonly look: Look,
    private readonly index: number,
    private readonly changed: () => void,
  ) {
    const channel = channels.channels[index]!;
    this.channel = channel;
    const name = channel.name;
    const { from, to } = channel.histogram;
    this.shown = el("input", { type: "checkbox", "aria-label": `Show ${name}` });
    this.colour = el("input", { type: "color", "aria-label": `Colour of ${name}` });
    this.low = el("input", { type: "range", min: 0, max: STEPS, "aria-label": `Least value of ${name}` });
    this.high = el("input", { type: "range", min: 0, max: STEPS, "aria-label": `Greatest value of ${name}` });
    this.gamma = el("input", { type: "range", min: -10, max: 10, "aria-label": `Gamma of ${name}` });
    const [drawing, band] = histogram(channel);
    this.band = band;
    const about = [channel.fluorophore, channel.emission_nm ? `${channel.emission_nm} nm` : ""].filter(Boolean).join(", ");
    const reset = iconButton("reset", `${name} as it was`, () => this.change(() => this.take({ ...usualChannel(channels, index), isShown: true })));
    this.element = el(
      "div",
      { class: "channel" },
      el("div", { class: "row" }, el("label", { class: "name", title: about || name }, this.shown, name), this.text, this.colour, reset),
      drawing,
      el("div", { class: "ends" }, this.low, this.high),
      el("label", { class: "field" }, "Gamma", this.gamma),
    );
    const value = (input: HTMLInputElement): number => rounded(from + ((to - from) * Number(input.value)) / STEPS);
    this.on(this.shown, (own) => (own.isShown = this.shown.checked));
    this.on(this.colour, (own) => (own.colour = this.colour.value.slice(1).toUpperCase()));
    this.on(this.low, (own) => (own.low = Math.min(value(this.low), own.high - (to - from) / STEPS)));
    this.on(this.high, (own) => (own.high = Math.max(value(this.high), own.low + (to - from) / STEPS)));
    this.on(this.gamma, (own) => (own.gamma = Number((2 ** (Number(this.gamma.value) / 5)).toFixed(3))));
    this.update();
  }

  take(own: ChannelLook): void {
    this.look.channels[this.index] = own;
    this.update();
  }

  private on(input: HTMLInputElement, apply: (own: ChannelLook) => void): void {
    input.addEventListener("input", () => this.change(() => apply(this.look.channels[this.index]!)));
  }

  private change(apply: () => void): void {
    apply();
    this.update();
    this.changed();
  }

  /** Makes the controls say what the look says. */
  private update(): void {
    const own = this.look.channels[this.index]!;
    const { from, to } = this.channel.histogram;
    const place = (value: number): number => Math.min(Math.max((value - from) / Math.max(to - from, 1e-12), 0), 1);
    this.shown.checked = own.isShown;
    this.colour.value = `#${own.colour.toLowerCase()}`;
    this.low.value = String(Math.round(place(own.low) * STEPS));
    this.high.value = String(Math.round(place(own.high) * STEPS));
    this.gamma.value = String(Math.round(Math.log2(own.gamma) * 5));
    this.text.textContent = `${rounded(own.low)} – ${rounded(own.high)}`;
    this.band.setAttribute("x", String(place(own.low) * 256));
    this.band.setAttribute("width", String(Math.max((place(own.high) - place(own.low)) * 256, 1)));
    this.band.setAttribute("fill", `#${own.colour}`);
    this.element.classList.toggle("hidden-channel", !own.isShown);
  }
}

/** How often each value comes, on a logarithmic scale; and the band of what is shown. */
function histogram(channel: Channel): [SVGSVGElement, SVGRectElement] {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 256 48");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "histogram");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Histogram of ${channel.name}`);
  const band = document.createElementNS(space, "rect");
  band.setAttribute("class", "band");
  band.setAttribute("y", "0");
  band.setAttribute("height", "48");
  const path = document.createElementNS(space, "path");
  const counts = channel.histogram.counts;
  const most = Math.log1p(Math.max(...counts, 1));
  const step = 256 / counts.length;
  const points = counts.map((count, at) => `L${(at * step).toFixed(1)} ${(48 - (46 * Math.log1p(count)) / most).toFixed(1)}h${step.toFixed(2)}`);
  path.setAttribute("d", `M0 48${points.join("")}L256 48Z`);
  append(svg, band, path);
  return [svg, band];
}
