// The list of images: search, kinds, thumbnails as they come into sight, studies kept together.

import { listImages, Problem, thumbnailUrl, type Page, type Summary } from "./api.ts";
import { append, el, icon } from "./dom.ts";
import { writeRoute } from "./route.ts";
import { Uploader } from "./upload.ts";

const KINDS: [string, string][] = [
  ["", "All"],
  ["slide", "Slides"],
  ["radiology", "Radiology"],
  ["picture", "Pictures"],
];
const PAGE = 60;
const ASK_AGAIN = 2000;

/** What the user has chosen; outlives the list, so that coming back finds it as it was. */
const choice = { search: "", kind: "", scroll: 0 };

export class ImageList {
  readonly element: HTMLElement;
  private readonly count = el("p", { class: "count", role: "status" });
  private readonly results = el("div", { class: "results" });
  private readonly more = el("button", { class: "button more", type: "button", onclick: () => void this.load() }, "Show more");
  private readonly observer: IntersectionObserver;
  private controller = new AbortController();
  private images: Summary[] = [];
  private next: number | null = 0;
  private shown = "";
  private timer = 0;
  private isRestoring = choice.scroll > 0;
  private uploader: Uploader | null = null;

  constructor(header: HTMLElement) {
    this.more.hidden = true;
    append(header, this.searchBox(), this.kindButtons());
    this.element = el("main", { class: "list" }, this.count, this.results, this.more);
    this.observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.load();
    }, { rootMargin: "600px" });
    this.observer.observe(this.more);
    this.restart();
  }

  close(): void {
    choice.scroll = window.scrollY;
    this.controller.abort();
    this.observer.disconnect();
    clearTimeout(this.timer);
    this.uploader?.close();
  }

  private searchBox(): HTMLElement {
    const input = el("input", { type: "search", placeholder: "Search by name", "aria-label": "Search by name", value: choice.search });
    input.addEventListener("input", () => {
      choice.search = input.value;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.restart(), 200);
    });
    return el("div", { class: "search" }, icon("search"), input);
  }

  private kindButtons(): HTMLElement {
    const group = el("div", { class: "segments", role: "group", "aria-label": "Kind of image" });
    for (const [kind, label] of KINDS) {
      const button = el("button", { type: "button", "aria-pressed": String(kind === choice.kind) }, label);
      button.addEventListener("click", () => {
        choice.kind = kind;
        for (const each of group.children) each.setAttribute("aria-pressed", String(each === button));
        this.restart();
      });
      group.append(button);
    }
    return group;
  }

  private restart(): void {
    this.controller.abort();
    this.controller = new AbortController();
    clearTimeout(this.timer);
    this.images = [];
    this.next = 0;
    void this.load();
  }

  /** Asks for the next page and shows it. */
  private async load(): Promise<void> {
    if (this.next === null || this.element.dataset["busy"] === "true") return;
    const signal = this.controller.signal;
    const isFirst = this.next === 0;
    this.element.dataset["busy"] = String(!isFirst);
    try {
      const query = { offset: String(this.next), limit: String(PAGE), search: choice.search, kind: choice.kind };
      const page = await listImages(query, signal);
      this.images = isFirst ? page.images : [...this.images, ...page.images];
      this.next = page.next;
      this.show(page);
    } catch (error) {
      if (!signal.aborted) this.showProblem(error);
    } finally {
      this.element.dataset["busy"] = "false";
    }
  }

  private show(page: Page): void {
    if (page.uploads && !this.uploader) {
      this.uploader = new Uploader(page.uploads, () => this.restart());
      this.element.prepend(this.uploader.element);
    }
    this.count.textContent = countText(page, choice.search !== "" || choice.kind !== "");
    const content = JSON.stringify([this.images, page.scanning]);
    if (content !== this.shown) {
      this.results.replaceChildren(...groups(this.images).map(groupElement));
      if (!this.images.length) this.results.append(emptyElement(page));
      this.shown = content;
    }
    this.more.hidden = page.next === null;
    if (this.isRestoring) window.scrollTo(0, choice.scroll);
    this.isRestoring = false;
    if (page.scanning) this.timer = window.setTimeout(() => this.restart(), ASK_AGAIN);
  }

  private showProblem(error: unknown): void {
    const text = error instanceof Problem ? error.message : String(error);
    this.count.textContent = "";
    this.shown = "";
    this.results.replaceChildren(
      el("div", { class: "notice", role: "alert" }, icon("warning"), el("p", {}, `The images cannot be listed: ${text}`)),
    );
    this.timer = window.setTimeout(() => this.restart(), ASK_AGAIN);
  }
}

function countText(page: Page, isFiltered: boolean): string {
  const images = page.total === 1 ? "1 image" : `${page.total} images`;
  return `${images}${isFiltered ? " found" : ""}${page.scanning ? ", still looking for more …" : ""}`;
}

function emptyElement(page: Page): HTMLElement {
  const isFiltered = choice.search !== "" || choice.kind !== "";
  const text = page.scanning
    ? "Looking for images …"
    : isFiltered
      ? "No image matches."
      : page.uploads
        ? "There are no images yet. Drop some here."
        : "There are no images in the folders that are served.";
  return el("p", { class: "empty" }, text);
}

/** Images of one study come together, where the first of them stands; everything else stands in runs between. */
function groups(images: Summary[]): Summary[][] {
  const studies = new Map<string, Summary[]>();
  const found: Summary[][] = [];
  let run: Summary[] | null = null;
  for (const image of images) {
    const study = image.kind === "radiology" ? image.study_uid : "";
    if (!study) {
      if (!run) found.push((run = []));
      run.push(image);
      continue;
    }
    const known = studies.get(study);
    if (known) known.push(image);
    else {
      const group = [image];
      studies.set(study, group);
      found.push(group);
      run = null;
    }
  }
  return joined(found);
}

/** Studies of a single image need no heading of their own. */
function joined(found: Summary[][]): Summary[][] {
  const result: Summary[][] = [];
  for (const group of found) {
    const last = result.at(-1);
    if (last && !isStudy(group) && !isStudy(last)) last.push(...group);
    else result.push([...group]);
  }
  return result;
}

function isStudy(group: Summary[]): boolean {
  return group.length > 1 && group.every((image) => image.kind === "radiology" && image.study_uid === group[0]!.study_uid && image.study_uid !== "");
}

function groupElement(group: Summary[]): HTMLElement {
  const cards = el("ul", { class: "cards" }, ...group.map((image) => el("li", {}, card(image))));
  if (!isStudy(group)) return el("section", { class: "group" }, cards);
  const modalities = [...new Set(group.map((image) => image.modality).filter(Boolean))].join(", ");
  const title = el("h2", {}, `Study${modalities ? ` · ${modalities}` : ""} · ${group.length} series`);
  title.append(el("span", { class: "uid", title: "Study Instance UID" }, group[0]!.study_uid));
  return el("section", { class: "group study" }, title, cards);
}

function card(image: Summary): HTMLElement {
  const name = image.name || image.id;
  const picture = el("div", { class: `picture ${image.kind}` });
  if (image.problem) picture.append(icon("warning"));
  else {
    const thumbnail = el("img", { src: thumbnailUrl(image.id, 320), alt: "", loading: "lazy", decoding: "async" });
    thumbnail.addEventListener("error", () => picture.replaceChildren(icon("warning")));
    picture.append(thumbnail);
    if (image.planes > 1) picture.append(el("span", { class: "badge" }, icon("stack"), String(image.planes)));
  }
  return el(
    "a",
    { class: `card${image.problem ? " broken" : ""}`, href: writeRoute({ image: image.id, view: {}, look: "" }) },
    picture,
    el("span", { class: "name", title: name }, name),
    el("span", { class: "about" }, image.problem ? `Cannot be opened: ${image.problem}` : about(image)),
  );
}

function about(image: Summary): string {
  const size = image.width ? `${image.width.toLocaleString("en")} × ${image.height.toLocaleString("en")}` : "";
  return [image.modality || image.format, size].filter(Boolean).join(" · ");
}
