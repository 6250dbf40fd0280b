// Listening to Cornerstone, on its own event target and on elements, until a signal ends it.

import { eventTarget } from "@cornerstonejs/core";

/** Calls back with the details of events of all viewports and caches. */
export function onAny<T>(name: string, heard: (detail: T) => void, signal: AbortSignal): void {
  const listener = (event: Event): void => heard((event as CustomEvent<T>).detail);
  eventTarget.addEventListener(name, listener as never);
  signal.addEventListener("abort", () => eventTarget.removeEventListener(name, listener as never));
}

/** Calls back with the details of events of one viewport. */
export function on<T>(element: HTMLElement, name: string, heard: (detail: T) => void, signal: AbortSignal): void {
  element.addEventListener(name, (event) => heard((event as CustomEvent<T>).detail), { signal });
}

/** Whether a button or finger is down on an element; also while what it did is told a moment later. */
export class Hold {
  isHeld = false;

  constructor(element: HTMLElement, signal: AbortSignal) {
    element.addEventListener("pointerdown", () => (this.isHeld = true), { signal, capture: true });
    for (const name of ["pointerup", "pointercancel"]) {
      window.addEventListener(name, () => setTimeout(() => (this.isHeld = false)), { signal });
    }
  }
}
