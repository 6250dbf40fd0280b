// Makes elements. Text goes in as text only, so nothing that a file says can become markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** An element with attributes, listeners (`onclick` and so on) and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  append(element, ...children);
  return element;
}

/** Adds children; strings as text, nothing for what is absent. */
export function append(parent: Element, ...children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) parent.append(child);
  }
}

const SHAPES: Record<string, string> = {
  back: "M15 5l-7 7 7 7",
  turn: "M19 12a7 7 0 11-2.6-5.4M17 3v4h-4",
  mirror: "M12 3v18M9 7L3 17h6zM15 7l6 10h-6z",
  upload: "M12 16V4M7 9l5-5 5 5M4 15v5h16v-5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  home: "M3.5 11.5L12 4l8.5 7.5M6 9.5V20h12V9.5",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  info: "M12 11v6M12 7.5v.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  window: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 7h6M12 11h8M12 15h7",
  pan: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  zoom: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L21 21M10.5 7.5v6M7.5 10.5h6",
  stack: "M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  ruler: "M3 16L16 3l5 5L8 21zM7 12l2 2M10 9l2 2M13 6l2 2",
  invert: "M12 3a9 9 0 100 18zM12 3a9 9 0 010 18",
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  reset: "M4 12a8 8 0 108-8H6M9 1L6 4l3 3",
  search: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L21 21",
  close: "M6 6l12 12M18 6L6 18",
  warning: "M12 4l9.5 16h-19zM12 10v4M12 17v.01",
  angle: "M20 19H4L16 5M11 19a8 8 0 00-2-6",
  cross: "M12 2v7M12 15v7M2 12h7M15 12h7",
  planes: "M3 3h10v18H3zM17 3h4v7h-4zM17 14h4v7h-4z",
  series: "M4 4h6v6H4zM4 14h6v6H4zM14 6h6M14 9h4M14 16h6M14 19h4",
  help: "M9 9a3 3 0 114 2.8c-.7.4-1 1-1 1.7M12 17v.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  beside: "M3 4h8v16H3zM13 4h8v16h-8z",
  link: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7L12 6.3M14 10a4 4 0 00-5.7 0l-3 3a4 4 0 005.7 5.7l1-1",
  fire: "M12 3c1 4 6 5.5 6 11a6 6 0 01-12 0c0-2.5 1.5-4 2.5-5 .2 2 1 3 2 3.5C10.5 9 11 6 12 3z",
  stream: "M3 7h11M3 12h7M3 17h11M18 5v12M14.5 13.5L18 17l3.5-3.5",
  theme: "M12 3a9 9 0 109 9 7 7 0 01-9-9z",
};

/** A line drawing, hidden from readers of the screen. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[name] ?? "");
  svg.append(path);
  return svg;
}

/** A button that shows an icon and tells its name. */
export function iconButton(name: string, label: string, action: () => void, key = ""): HTMLButtonElement {
  const title = key ? `${label} (${key})` : label;
  const attributes: Attributes = { class: "icon-button", type: "button", title, "aria-label": label, onclick: action };
  return el("button", attributes, icon(name));
}
