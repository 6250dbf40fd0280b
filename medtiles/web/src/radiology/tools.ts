// What mouse and fingers do: Cornerstone's tools, and which of them the first button or finger uses.

import {
  addTool,
  AngleTool,
  annotation,
  CrosshairsTool,
  Enums,
  LengthTool,
  PanTool,
  StackScrollTool,
  ToolGroupManager,
  type Types,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";

export type Tool = "window" | "scroll" | "pan" | "zoom" | "length" | "angle" | "crosshairs";

/** Name, drawing, label, key; in the order of the bar. */
export const TOOLS: readonly [Tool, string, string, string][] = [
  ["window", "window", "Window: dragging changes contrast", "1"],
  ["scroll", "stack", "Scroll: dragging goes through the slices", "2"],
  ["pan", "pan", "Move", "3"],
  ["zoom", "zoom", "Zoom", "4"],
  ["length", "ruler", "Measure a length", "5"],
  ["angle", "angle", "Measure an angle", "6"],
  ["crosshairs", "cross", "Crosshairs", "7"],
];
const CLASSES = {
  window: WindowLevelTool,
  scroll: StackScrollTool,
  pan: PanTool,
  zoom: ZoomTool,
  length: LengthTool,
  angle: AngleTool,
  crosshairs: CrosshairsTool,
};
const { MouseBindings, KeyboardBindings } = Enums;
const FIRST: Types.IToolBinding[] = [{ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 }];

/** Of lengths and angles: amber, which no tissue is. */
const LOOK = {
  color: "#fbbf24",
  colorHighlighted: "#fde68a",
  colorSelected: "#fbbf24",
  lineWidth: "1.5",
  textBoxColor: "#fbbf24",
  textBoxColorHighlighted: "#fde68a",
  textBoxColorSelected: "#fbbf24",
  textBoxFontFamily: "system-ui, sans-serif",
  textBoxFontSize: "14px",
};

export function registerTools(): void {
  for (const tool of Object.values(CLASSES)) addTool(tool);
  const styles = annotation.config.style.getDefaultToolStyles();
  annotation.config.style.setDefaultToolStyles({ ...styles, global: { ...styles["global"], ...LOOK } });
}

/** The tools of some viewports. */
export class Toolbox {
  private readonly group: NonNullable<ReturnType<typeof ToolGroupManager.createToolGroup>>;
  private readonly names: Tool[];

  constructor(
    private readonly id: string,
    options: { hasWindow: boolean; hasSlices: boolean; crosshairs?: object },
  ) {
    ToolGroupManager.destroyToolGroup(id);
    const group = ToolGroupManager.createToolGroup(id);
    if (!group) throw new Error("no tools");
    this.group = group;
    this.names = TOOLS.map(([tool]) => tool).filter(
      (tool) =>
        (tool !== "window" || options.hasWindow) && (tool !== "scroll" || options.hasSlices) && (tool !== "crosshairs" || options.crosshairs),
    );
    for (const tool of this.names) {
      group.addTool(CLASSES[tool].toolName as string, (tool === "crosshairs" ? options.crosshairs : {}) as never);
    }
    this.hasSlices = options.hasSlices;
  }

  private readonly hasSlices: boolean;

  get tools(): readonly Tool[] {
    return this.names;
  }

  add(viewportId: string, engineId: string): void {
    this.group.addViewport(viewportId, engineId);
  }

  close(): void {
    ToolGroupManager.destroyToolGroup(this.id);
  }

  /** Gives the first button and the single finger to a tool; the others keep what is always theirs. */
  choose(chosen: Tool): void {
    for (const tool of this.names) {
      const name = CLASSES[tool].toolName as string;
      const bindings = [...this.always(tool), ...(tool === chosen ? FIRST : [])];
      this.group.setToolPassive(name, { removeAllBindings: true });
      if (bindings.length) this.group.setToolActive(name, { bindings });
    }
  }

  private always(tool: Tool): Types.IToolBinding[] {
    const wheel = { mouseButton: MouseBindings.Wheel };
    if (tool === "scroll") return [wheel, { numTouchPoints: 3 }];
    if (tool === "pan") {
      return [{ mouseButton: MouseBindings.Auxiliary }, { mouseButton: MouseBindings.Primary, modifierKey: KeyboardBindings.Shift }];
    }
    if (tool === "zoom") {
      return [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }, ...(this.hasSlices ? [] : [wheel])];
    }
    return [];
  }
}
