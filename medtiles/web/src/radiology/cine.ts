// Plays the slices one after another, no faster than they come.

import { el, iconButton } from "../dom.ts";

const [SLOWEST, FASTEST] = [1, 60];

export class Cine {
  readonly button = iconButton("play", "Play", () => this.toggle(), "Space");
  readonly speed = el("input", { type: "range", min: SLOWEST, max: FASTEST, "aria-label": "Frames a second" });
  readonly element: HTMLElement;
  private readonly text = el("output", {});
  private timer = 0;

  constructor(
    rate: number,
    private readonly next: () => void,
  ) {
    this.element = el("label", { class: "choice cine", hidden: true }, this.speed, this.text);
    this.speed.addEventListener("input", () => this.setRate(Number(this.speed.value)));
    this.setRate(rate);
  }

  get isPlaying(): boolean {
    return this.timer !== 0;
  }

  toggle(): void {
    if (this.timer) this.stop();
    else this.play();
  }

  play(): void {
    clearInterval(this.timer);
    this.timer = window.setInterval(this.next, 1000 / Number(this.speed.value));
    this.show();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.show();
  }

  faster(factor: number): void {
    this.setRate(Math.round(Number(this.speed.value) * factor + (factor > 1 ? 1 : -1)));
  }

  private setRate(rate: number): void {
    this.speed.value = String(Math.min(Math.max(Math.round(rate), SLOWEST), FASTEST));
    this.text.textContent = `${this.speed.value} / s`;
    if (this.timer) this.play();
  }

  private show(): void {
    this.button.setAttribute("aria-pressed", String(this.isPlaying));
    this.element.hidden = !this.isPlaying;
  }
}
