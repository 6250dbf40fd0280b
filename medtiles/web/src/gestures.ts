// Mouse, pen, touch and wheel on the canvas of a stack, told as what they mean.

import type { Point } from "./picture.ts";

export type Tool = "window" | "pan" | "zoom" | "ruler";

/** What gestures ask for; points are in client pixels. */
export interface Target {
  currentTool(): Tool;
  dragWindow(dx: number, dy: number): void;
  dragPan(dx: number, dy: number): void;
  zoomAt(factor: number, point: Point): void;
  wheel(delta: number, point: Point): void;
  measure(from: Point, to: Point): void;
  hover(point: Point): void;
  reset(): void;
}

const LINE = 40;

export class Gestures {
  private readonly pointers = new Map<number, Point>();
  private readonly ended = new AbortController();
  private tool: Tool = "window";
  private start: Point = { x: 0, y: 0 };

  constructor(
    private readonly canvas: HTMLElement,
    private readonly target: Target,
  ) {
    const options = { signal: this.ended.signal };
    canvas.addEventListener("pointerdown", (event) => this.down(event), options);
    canvas.addEventListener("pointermove", (event) => this.move(event), options);
    canvas.addEventListener("pointerup", (event) => this.up(event), options);
    canvas.addEventListener("pointercancel", (event) => this.up(event), options);
    canvas.addEventListener("dblclick", () => this.target.reset(), options);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), options);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { ...options, passive: false });
  }

  close(): void {
    this.ended.abort();
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.start = point(event);
    this.pointers.set(event.pointerId, this.start);
    this.tool = toolOf(event, this.target.currentTool());
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    const now = point(event);
    if (!before) {
      this.target.hover(now);
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    else this.drag(before, now);
    this.pointers.set(event.pointerId, now);
  }

  private drag(before: Point, now: Point): void {
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (this.tool === "window") this.target.dragWindow(dx, dy);
    else if (this.tool === "pan") this.target.dragPan(dx, dy);
    else if (this.tool === "zoom") this.target.zoomAt(Math.exp(-dy / 150), this.start);
    else this.target.measure(this.start, now);
  }

  /** Two fingers: their distance zooms, their middle moves. */
  private pinch(id: number, before: Point, now: Point): void {
    const other = [...this.pointers].find(([each]) => each !== id)?.[1];
    if (!other) return;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const old = Math.hypot(before.x - other.x, before.y - other.y);
    const distance = Math.hypot(now.x - other.x, now.y - other.y);
    if (old > 0) this.target.zoomAt(distance / old, middle);
    this.target.dragPan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  private up(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const delta = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE;
    if (event.ctrlKey || event.metaKey) this.target.zoomAt(Math.exp(-delta / 300), point(event));
    else this.target.wheel(delta, point(event));
  }
}

/** The right button zooms, the middle one and Shift move, whatever tool is chosen. */
function toolOf(event: PointerEvent, chosen: Tool): Tool {
  if (event.button === 2) return "zoom";
  if (event.button === 1 || event.shiftKey) return "pan";
  return chosen;
}

function point(event: MouseEvent): Point {
  return { x: event.clientX, y: event.clientY };
}
