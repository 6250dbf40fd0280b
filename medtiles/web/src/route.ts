// What the address's hash says: nothing is the list; `#/ID?plane=2&x=..&y=..&zoom=..` is an image and where one looks.

export interface Route {
  /** The image's id; empty: the list. */
  image: string;
  view: Record<string, number>;
}

export function readRoute(hash: string): Route {
  const match = /^#\/([^?]+)(?:\?(.*))?$/.exec(hash);
  if (!match?.[1]) return { image: "", view: {} };
  const view: Record<string, number> = {};
  for (const [name, text] of new URLSearchParams(match[2] ?? "")) {
    const value = Number(text);
    if (text !== "" && Number.isFinite(value)) view[name] = value;
  }
  return { image: decode(match[1]), view };
}

export function writeRoute(route: Route): string {
  if (!route.image) return "#/";
  const view = Object.entries(route.view).map(([name, value]) => `${name}=${Number(value.toPrecision(7))}`);
  return `#/${encodeURIComponent(route.image)}${view.length ? `?${view.join("&")}` : ""}`;
}

/** Keeps the address in step with the view without a new entry in the history. */
export function keepInAddress(route: Route): void {
  history.replaceState(null, "", writeRoute(route));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
