// Choosing a plane of a slide: a list of channels, and sliders for focal planes and time points.

import type { Image, Plane } from "./api.ts";
import { el } from "./dom.ts";

type Axis = "channel" | "z" | "t";
const LABELS: Record<Axis, string> = { channel: "Channel", z: "Focus", t: "Time" };

/**
 * The controls for the axes along which the image has more than one plane.
 *
 * `isComposite`: channels are chosen elsewhere.
 */
export function planeChooser(image: Image, start: number, choose: (plane: number) => void, isComposite = false): HTMLElement[] {
  const planes = image.planes;
  const first = planes[start];
  if (!first || planes.length < 2) return [];
  const now = { channel: first.channel, z: first.z, t: first.t };
  const change = (axis: Axis, value: number): void => {
    now[axis] = value;
    const index = nearest(planes, now, axis);
    if (index >= 0) choose(index);
  };
  const axes = (["channel", "z", "t"] as const).filter((axis) => values(planes, axis).length > 1 && !(isComposite && axis === "channel"));
  if (!axes.length && isComposite) return [];
  if (!axes.length) return [plainList(planes, start, choose)];
  return axes.map((axis) => (axis === "channel" ? list(planes, now.channel, change) : slider(planes, axis, now[axis], change)));
}

function values(planes: Plane[], axis: Axis): number[] {
  return [...new Set(planes.map((plane) => plane[axis]))].sort((a, b) => a - b);
}

/** The plane at these coordinates, or one that at least has the one just chosen. */
function nearest(planes: Plane[], wanted: Record<Axis, number>, axis: Axis): number {
  const exact = planes.findIndex((p) => p.channel === wanted.channel && p.z === wanted.z && p.t === wanted.t);
  return exact >= 0 ? exact : planes.findIndex((plane) => plane[axis] === wanted[axis]);
}

function list(planes: Plane[], start: number, change: (axis: Axis, value: number) => void): HTMLElement {
  const options = values(planes, "channel").map((channel) => {
    const name = planes.find((plane) => plane.channel === channel)?.name.split(",")[0] || `Channel ${channel + 1}`;
    return el("option", { value: channel, selected: channel === start }, name);
  });
  const select = el("select", { "aria-label": LABELS.channel }, ...options);
  select.addEventListener("change", () => change("channel", Number(select.value)));
  return el("label", { class: "choice" }, LABELS.channel, select);
}

function plainList(planes: Plane[], start: number, choose: (plane: number) => void): HTMLElement {
  const options = planes.map((plane, index) => el("option", { value: index, selected: index === start }, plane.name || `Plane ${index + 1}`));
  const select = el("select", { "aria-label": "Plane" }, ...options);
  select.addEventListener("change", () => choose(Number(select.value)));
  return el("label", { class: "choice" }, "Plane", select);
}

function slider(planes: Plane[], axis: Axis, start: number, change: (axis: Axis, value: number) => void): HTMLElement {
  const steps = values(planes, axis);
  const text = el("output", {}, `${steps.indexOf(start) + 1} / ${steps.length}`);
  const input = el("input", { type: "range", min: 0, max: steps.length - 1, value: steps.indexOf(start), "aria-label": LABELS[axis] });
  input.addEventListener("input", () => {
    text.textContent = `${Number(input.value) + 1} / ${steps.length}`;
    change(axis, steps[Number(input.value)] ?? 0);
  });
  return el("label", { class: "choice" }, LABELS[axis], input, text);
}
