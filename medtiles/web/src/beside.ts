// Two images side by side: choosing the second one, and holding both at the same place.

import OpenSeadragon from "openseadragon";

import { listImages, thumbnailUrl, type Image, type Summary } from "./api.ts";
import { append, el, icon } from "./dom.ts";

/** Holds two viewers together: what is done to one is done to the other, from where they are when it begins. */
export class Lock {
  private isOn = false;
  /** Which of them is moved by hand: the other one follows. What stands outside both moves the first. */
  private leader: 0 | 1 = 0;
  private ratio = 1;
  private from: [OpenSeadragon.Point, OpenSeadragon.Point] = [new OpenSeadragon.Point(), new OpenSeadragon.Point()];
  /** How many widths of the second image the width of the first one is, in millimetres where both are known. */
  private readonly scale: number;

  constructor(
    private readonly viewers: readonly [OpenSeadragon.Viewer, OpenSeadragon.Viewer],
    images: readonly [Image, Image],
  ) {
    const [first, second] = images.map((image) => (image.spacing_mm ? image.width * image.spacing_mm[0] : null));
    this.scale = first && second ? first / second : 1;
    viewers[0].addHandler("update-viewport", () => this.follow(0));
    viewers[1].addHandler("update-viewport", () => this.follow(1));
    const lead = (leader: 0 | 1) => (): void => void (this.leader = leader);
    for (const event of ["pointerenter", "focusin"]) {
      viewers[0].element.addEventListener(event, lead(0));
      viewers[1].element.addEventListener(event, lead(1));
    }
    viewers[1].element.addEventListener("pointerleave", lead(0));
  }

  /** Whether both are open. */
  get isReady(): boolean {
    return this.viewers.every((viewer) => viewer.world.getItemCount() > 0);
  }

  get isLocked(): boolean {
    return this.isOn;
  }

  /** Holds them as they are now. */
  hold(): void {
    const [one, other] = this.viewers;
    this.ratio = other.viewport.getZoom(true) / one.viewport.getZoom(true);
    this.from = [one.viewport.getCenter(true), other.viewport.getCenter(true)];
    this.isOn = true;
  }

  release(): void {
    this.isOn = false;
  }

  /** The second at the same place and size as the first: at the same number of screen pixels for a millimetre. */
  align(): void {
    const [one, other] = this.viewers;
    this.release();
    const middle = one.viewport.getCenter(true);
    const homes = this.viewers.map((viewer) => viewer.viewport.getHomeBounds().getCenter()) as [OpenSeadragon.Point, OpenSeadragon.Point];
    other.viewport.zoomTo(one.viewport.getZoom(true) / this.scale, undefined, true);
    other.viewport.panTo(homes[1].plus(middle.minus(homes[0]).times(this.scale)), true);
    this.hold();
  }

  private follow(moved: 0 | 1): void {
    if (!this.isOn || moved !== this.leader) return;
    const [leader, other] = moved === 0 ? this.viewers : [this.viewers[1], this.viewers[0]];
    const [ratio, scale] = moved === 0 ? [this.ratio, this.scale] : [1 / this.ratio, 1 / this.scale];
    const way = leader.viewport.getCenter(true).minus(this.from[moved]);
    other.viewport.zoomTo(leader.viewport.getZoom(true) * ratio, undefined, true);
    other.viewport.panTo(this.from[moved === 0 ? 1 : 0].plus(way.times(scale)), true);
  }
}

/** Asks which image to put beside another one; null: none after all. */
export function chooseImage(without: string): Promise<Summary | null> {
  return new Promise((resolve) => {
    const input = el("input", { type: "search", placeholder: "Search images", "aria-label": "Search images" });
    const list = el("ul", { class: "choices" });
    const close = el("button", { class: "icon-button", type: "button", "aria-label": "Close" }, icon("close"));
    const heading = el("header", {}, el("h2", {}, "Side by side with"), close);
    const dialog = el("dialog", { class: "chooser", "aria-label": "Choose an image" }, heading, el("div", { class: "search" }, icon("search"), input), list);
    let chosen: Summary | null = null;
    let asking = new AbortController();
    const fill = async (): Promise<void> => {
      asking.abort();
      asking = new AbortController();
      try {
        const page = await listImages({ search: input.value, limit: "60" }, asking.signal);
        const usable = page.images.filter((image) => image.kind !== "radiology" && image.id !== without && !image.problem);
        list.replaceChildren(...usable.map((image) => choice(image)));
        if (!usable.length) append(list, el("li", { class: "empty" }, "No slide or picture of this name."));
      } catch (error) {
        if (!asking.signal.aborted) list.replaceChildren(el("li", { class: "empty", role: "alert" }, String(error)));
      }
    };
    const choice = (image: Summary): HTMLElement => {
      const picture = el("img", { src: thumbnailUrl(image.id, 128), alt: "", loading: "lazy" });
      const take = (): void => {
        chosen = image;
        dialog.close();
      };
      return el("li", {}, el("button", { type: "button", onclick: take }, picture, el("span", {}, image.name)));
    };
    input.addEventListener("input", () => void fill());
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      asking.abort();
      dialog.remove();
      resolve(chosen);
    });
    document.body.append(dialog);
    dialog.showModal();
    void fill();
  });
}
