// One image, filling the window: its bar, its panel, and the viewer that suits it.

import { getChannels, getImage, Problem, type Image } from "./api.ts";
import { chooseImage, Lock } from "./beside.ts";
import { append, el, icon, iconButton } from "./dom.ts";
import { readLook } from "./look.ts";
import { panel } from "./panel.ts";
import { keepInAddress, writeRoute, type Route } from "./route.ts";
import { SlideView } from "./slide.ts";
import { StackView } from "./stack.ts";
import { whyNot } from "./suitable.ts";
import { hideToast, toast } from "./toast.ts";

/** What the two viewers have in common. */
export interface View {
  readonly element: HTMLElement;
  /** Buttons and choices for the bar. */
  readonly tools: HTMLElement[];
  /** What stands above all else in the panel. */
  readonly controls?: HTMLElement[];
  close(): void;
}

export type Remember = (view: Record<string, number>, look?: string) => void;

interface Second {
  view: SlideView;
  /** What goes with it. */
  elements: Element[];
}

export class ImageView {
  readonly element: HTMLElement;
  private readonly controller = new AbortController();
  private readonly title = el("h1", {}, "…");
  private readonly tools = el("div", { class: "tools" });
  private readonly stage = el("main", { class: "stage" });
  private readonly body = el("div", { class: "body" }, this.stage);
  private view: View | null = null;
  private side: HTMLElement | null = null;
  private second: Second | null = null;
  private readonly id: string;
  private readonly onKey = (event: KeyboardEvent): void => this.key(event);

  constructor(private readonly route: Route) {
    this.id = route.image;
    const back = el("a", { class: "icon-button", href: "#/", title: "All images (Esc)", "aria-label": "All images" }, icon("back"));
    const bar = el("header", { class: "bar" }, back, this.title, this.tools);
    this.element = el("div", { class: "viewer" }, bar, this.body);
    this.stage.append(el("div", { class: "spinner", role: "status", "aria-label": "Opening" }));
    document.addEventListener("keydown", this.onKey);
    void this.open(route.view);
  }

  close(): void {
    this.controller.abort();
    this.view?.close();
    this.second?.view.close();
    document.removeEventListener("keydown", this.onKey);
    hideToast();
  }

  private async open(start: Record<string, number>): Promise<void> {
    try {
      const image = await getImage(this.id, this.controller.signal);
      await this.show(image, start);
    } catch (error) {
      if (!this.controller.signal.aborted) this.showProblem(error);
    }
  }

  private async show(image: Image, start: Record<string, number>): Promise<void> {
    this.title.textContent = image.name || image.id;
    this.title.title = this.title.textContent;
    document.title = `${this.title.textContent} · medtiles`;
    const remember: Remember = (view, look = "") => {
      Object.assign(this.route, { view, look });
      this.keep();
    };
    this.side = panel(image);
    this.side.hidden = image.kind === "radiology" || matchMedia("(max-width: 60rem)").matches;
    this.body.append(this.side);
    const view = await this.viewOf(image, start, remember);
    if (this.controller.signal.aborted) return view.close();
    this.view = view;
    this.side.prepend(...(view.controls ?? []));
    append(
      this.tools,
      ...this.view.tools,
      view instanceof SlideView && iconButton("beside", "Side by side", () => void this.toggleBeside(image, view)),
      streamButton(this.route, image.kind === "radiology"),
      iconButton("link", "Copy a link to this view", () => void copyLink()),
      iconButton("full", "Full screen", () => this.toggleFullScreen(), "F"),
      iconButton("info", "About the image", () => this.togglePanel(), "I"),
    );
    if (view instanceof SlideView && this.route.beside) await this.beside(image, view, this.route.beside);
  }

  private async toggleBeside(image: Image, view: SlideView): Promise<void> {
    if (this.second) return this.endBeside();
    const chosen = await chooseImage(this.id);
    if (!chosen || this.controller.signal.aborted) return;
    this.route.beside = { image: chosen.id, view: {}, look: "" };
    await this.beside(image, view, this.route.beside);
  }

  private endBeside(): void {
    this.second?.view.close();
    this.second?.elements.forEach((element) => element.remove());
    this.second = null;
    this.route.beside = undefined;
    this.stage.classList.remove("two");
    this.keep();
  }

  /** Opens a second image beside the first, and holds them together. */
  private async beside(image: Image, view: SlideView, started: NonNullable<Route["beside"]>): Promise<void> {
    try {
      const { signal } = this.controller;
      const other = await getImage(started.image, signal);
      const channels = hasChannels(other) ? await getChannels(other.id, signal) : null;
      this.stage.classList.add("two");
      const remember: Remember = (place, look = "") => {
        if (this.route.beside) Object.assign(this.route.beside, { view: place, look });
        this.keep();
      };
      const second = new SlideView(other, started.view, readLook(started.look, channels), channels, remember, this.stage);
      view.viewer.addHandler("animation-finish", () => second.keep());
      second.viewer.addHandler("animation-finish", () => view.keep());
      const lock = new Lock([view.viewer, second.viewer], [image, other]);
      const heading = el("h2", { class: "of-second" }, other.name);
      const controls = el("section", { "aria-label": `Beside: ${other.name}` }, heading, ...second.controls);
      const name = el("div", { class: "corner upper" }, el("div", {}, other.name), lockButton(lock));
      second.element.append(name);
      this.side?.querySelector(".look")?.after(controls);
      this.second = { view: second, elements: [second.element, controls] };
      const begin = (): void => {
        if (!lock.isReady) return;
        if (started.view["zoom"]) lock.hold();
        else lock.align();
      };
      for (const viewer of [view.viewer, second.viewer]) viewer.addOnceHandler("open", begin);
    } catch (error) {
      if (this.controller.signal.aborted) return;
      this.endBeside();
      toast(`The image beside cannot be opened: ${error instanceof Problem ? error.message : String(error)}`);
    }
  }

  private keep(): void {
    if (!this.controller.signal.aborted) keepInAddress(this.route);
  }

  private async viewOf(image: Image, start: Record<string, number>, remember: Remember): Promise<View> {
    if (start["jpip"]) return this.stream(image, start, remember);
    return image.kind === "radiology" ? this.radiology(image, start, remember) : this.slide(image, start, remember);
  }

  /** By JPIP: fetched with its decoder when it is needed first. */
  private async stream(image: Image, start: Record<string, number>, remember: Remember): Promise<View> {
    const { JpipView } = await import("./jpip/view.ts");
    const view = await JpipView.open(image, start, remember, this.stage, this.controller.signal);
    this.stage.querySelector(".spinner")?.remove();
    return view;
  }

  private async slide(image: Image, start: Record<string, number>, remember: Remember): Promise<View> {
    const channels = hasChannels(image) ? await getChannels(image.id, this.controller.signal) : null;
    this.stage.replaceChildren();
    this.stage.classList.toggle("two", this.route.beside !== undefined); // room for both: zoom goes with the width
    return new SlideView(image, start, readLook(this.route.look, channels), channels, remember, this.stage);
  }

  /** Cornerstone's viewer, fetched when it is needed first; where it cannot be, the simple one, with the reason. */
  private async radiology(image: Image, start: Record<string, number>, remember: Remember): Promise<View> {
    const place = el("div", { class: "stage-part" });
    let reason = whyNot(image);
    try {
      if (!reason) {
        const { RadiologyView } = await import("./radiology/view.ts");
        this.stage.prepend(place);
        const view = await RadiologyView.open(image, start, remember, place, this.controller.signal);
        this.stage.querySelector(".spinner")?.remove();
        return view;
      }
    } catch (error) {
      this.controller.signal.throwIfAborted();
      reason = error instanceof Error ? error.message : String(error);
    }
    this.stage.replaceChildren();
    const view = new StackView(image, start, remember, this.stage);
    view.element.append(el("div", { class: "corner upper", role: "note" }, el("div", {}, `Simple view: ${reason}`)));
    return view;
  }

  private showProblem(error: unknown): void {
    const text = error instanceof Problem ? error.message : String(error);
    this.title.textContent = this.id;
    this.stage.replaceChildren(
      el(
        "div",
        { class: "notice", role: "alert" },
        icon("warning"),
        el("p", {}, el("strong", {}, "This image cannot be opened."), el("br"), text),
        el("a", { class: "button", href: "#/" }, "All images"),
      ),
    );
  }

  private togglePanel(): void {
    if (this.side) this.side.hidden = !this.side.hidden;
  }

  private toggleFullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.element.requestFullscreen();
  }

  private key(event: KeyboardEvent): void {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "range" && event.target.type !== "checkbox";
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && !document.fullscreenElement) location.hash = "#/";
    else if (event.key === "i" || event.key === "I") this.togglePanel();
    else if (event.key === "f" || event.key === "F") this.toggleFullScreen();
    else return;
    event.preventDefault();
  }
}

/** Shows the same by JPIP, or as usual again: at the same place, where both views count it alike. */
function streamButton(route: Route, isStack: boolean): HTMLElement {
  const isOn = Boolean(route.view["jpip"]);
  const change = (): void => {
    const { jpip, ...place } = route.view;
    const view: Record<string, number> = isStack ? { plane: place["plane"] ?? 0 } : place;
    location.hash = writeRoute({ ...route, view: jpip ? view : { ...view, jpip: 1 }, beside: undefined });
  };
  const button = iconButton("stream", isOn ? "As usual, without JPIP" : "Stream by JPIP", change);
  button.setAttribute("aria-pressed", String(isOn));
  return button;
}

function lockButton(lock: Lock): HTMLElement {
  const button = el("button", { class: "button small", type: "button", "aria-pressed": "true" }, "Locked");
  button.title = "Locked, both images move together; press to move them apart, and again to bring them together";
  button.addEventListener("click", () => {
    if (lock.isLocked) lock.release();
    else lock.align();
    button.setAttribute("aria-pressed", String(lock.isLocked));
    button.textContent = lock.isLocked ? "Locked" : "Unlocked";
  });
  return button;
}

function hasChannels(image: Image): boolean {
  return image.planes.some((plane) => plane.channel > 0);
}

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("The link to this view is copied.");
  } catch {
    toast("The link is in the address bar: copy it from there.");
  }
}
