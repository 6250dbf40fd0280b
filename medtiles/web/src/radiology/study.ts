// The series of the same study beside the one that is shown, as thumbnails.

import { listImages, thumbnailUrl, type Image, type Summary } from "../api.ts";
import { el, icon } from "../dom.ts";
import { writeRoute } from "../route.ts";

const MOST = 200;

/** The list; stays hidden where the image is alone in its study. */
export function studyList(image: Image, signal: AbortSignal): HTMLElement {
  const list = el("ul", {});
  const element = el("nav", { class: "series", "aria-label": "Series of the study", hidden: true }, list);
  void fill(element, list, image, signal);
  return element;
}

async function fill(element: HTMLElement, list: HTMLElement, image: Image, signal: AbortSignal): Promise<void> {
  const study = image.dicom?.study_uid;
  if (!study) return;
  try {
    const page = await listImages({ study, kind: "radiology", limit: String(MOST) }, signal);
    const others = page.images.filter((other) => !other.problem);
    element.dataset["count"] = String(others.length);
    list.replaceChildren(...others.map((other) => el("li", {}, entry(other, other.id === image.id))));
    element.hidden = others.length < 2 || matchMedia("(max-width: 44rem)").matches;
    list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  } catch {
    // the image can be looked at without its neighbours
  }
}

function entry(image: Summary, isShown: boolean): HTMLElement {
  const name = image.name || image.id;
  const picture = el("span", { class: "picture radiology" }, el("img", { src: thumbnailUrl(image.id, 160), alt: "", loading: "lazy" }));
  if (image.planes > 1) picture.append(el("span", { class: "badge" }, icon("stack"), String(image.planes)));
  const href = writeRoute({ image: image.id, view: {}, look: "" });
  return el("a", { href, title: name, "aria-current": isShown && "true" }, picture, el("span", { class: "name" }, name));
}
