// The panel beside an image: what it is, the pictures that come with it, its properties.

import { associatedUrl, type Image } from "./api.ts";
import { append, el, icon } from "./dom.ts";
import { lengthText } from "./scale.ts";

export function panel(image: Image): HTMLElement {
  const element = el("aside", { class: "panel", "aria-label": "About the image" });
  append(element, el("h2", {}, "Image"), table(facts(image)));
  if (image.associated.length) append(element, el("h2", {}, "Associated images"), associated(image));
  const properties = Object.entries(image.properties).sort(([a], [b]) => a.localeCompare(b));
  if (properties.length) append(element, el("h2", {}, "Properties"), searchable(properties));
  return element;
}

function facts(image: Image): [string, string][] {
  const { pixels, spacing_mm: spacing } = image;
  const kind = pixels.samples_per_pixel > 1 ? `${pixels.samples_per_pixel} samples` : "grey";
  const found: [string, string | null | undefined][] = [
    ["Name", image.name],
    ["Format", image.format],
    ["Modality", image.dicom?.modality],
    ["Size", `${image.width.toLocaleString("en")} × ${image.height.toLocaleString("en")} pixels`],
    ["Pixels", `${kind}, ${pixels.bits_stored} bit${pixels.signed ? ", signed" : ""}${pixels.float ? ", float" : ""}`],
    ["Pixel size", spacing && (spacing[0] === spacing[1] ? lengthText(spacing[0]) : spacing.map(lengthText).join(" × "))],
    ["Field of view", spacing && `${lengthText(image.width * spacing[0])} × ${lengthText(image.height * spacing[1])}`],
    ["Objective", image.objective_power ? `${image.objective_power}×` : null],
    ["Planes", image.planes.length > 1 ? String(image.planes.length) : null],
    ["Slice distance", image.slice_spacing_mm ? lengthText(image.slice_spacing_mm) : null],
    ["Levels", image.levels.length > 1 ? image.levels.map((level) => `${level.width} × ${level.height}`).join(", ") : null],
    ["Stored as", [...new Set(image.levels.map((level) => level.media_type).filter(Boolean))].join(", ")],
    ["Study UID", image.dicom?.study_uid],
    ["Series UID", image.dicom?.series_uid],
  ];
  return found.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function table(rows: [string, string][]): HTMLElement {
  const list = el("dl", {});
  for (const [name, value] of rows) append(list, el("dt", {}, name), el("dd", {}, value));
  return list;
}

function searchable(rows: [string, string][]): HTMLElement {
  const holder = el("div", {}, table(rows));
  if (rows.length < 12) return holder;
  const input = el("input", { type: "search", placeholder: "Filter properties", "aria-label": "Filter properties" });
  input.addEventListener("input", () => {
    const text = input.value.toLowerCase();
    const found = rows.filter((row) => row.some((part) => part.toLowerCase().includes(text)));
    holder.replaceChild(table(found), holder.lastElementChild!);
  });
  holder.prepend(el("div", { class: "search" }, icon("search"), input));
  return holder;
}

function associated(image: Image): HTMLElement {
  const list = el("ul", { class: "associated" });
  for (const picture of image.associated) {
    const thumbnail = el("img", { src: associatedUrl(image, picture.name, 256), alt: "", loading: "lazy" });
    const button = el("button", { type: "button", title: `Show ${picture.name}` }, thumbnail, el("span", {}, picture.name));
    button.addEventListener("click", () => enlarge(image, picture.name));
    list.append(el("li", {}, button));
  }
  return list;
}

/** Shows an associated image whole, above everything else. */
function enlarge(image: Image, name: string): void {
  const picture = el("img", { src: associatedUrl(image, name), alt: `${name} of ${image.name}` });
  const close = el("button", { class: "icon-button", type: "button", "aria-label": "Close" }, icon("close"));
  const dialog = el("dialog", { class: "enlarged", "aria-label": name }, el("header", {}, el("h2", {}, name), close), picture);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
