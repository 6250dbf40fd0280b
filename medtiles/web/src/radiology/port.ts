// What the stack and the three planes have in common for the one who looks.

import type { Windowing } from "../windowing.ts";

/** What a viewport tells. */
export interface Listener {
  /** Another slice is wanted; its picture comes. */
  wanted(index: number): void;
  /** A slice is on the screen, at some resolution; the least and greatest of its values. */
  shown(index: number, values: [number, number], isWhole: boolean): void;
  /** Dragging has changed the window. */
  windowed(window: Windowing): void;
  /** Zoom or place have changed. */
  moved(): void;
  /** What lies under the pointer. */
  hovered(text: string): void;
  failed(error: unknown): void;
}

export interface Port {
  readonly element: HTMLElement;
  show(index: number): void;
  apply(window: Windowing, isInverted: boolean): void;
  smooth(isSmooth: boolean): void;
  zoomBy(factor: number): void;
  /** One pixel of the image on one of the screen. */
  actualSize(): void;
  reset(): void;
  close(): void;
}
