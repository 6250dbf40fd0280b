// What the address's hash says: nothing is the list; `#/ID?plane=2&x=..&y=..&zoom=..&look=..` is an
// image, where one looks, and how it is shown.

export interface Route {
  /** The image's id; empty: the list. */
  image: string;
  view: Record<string, number>;
  /** How it is shown, as `look.ts` writes it; empty: as usual. */
  look: string;
}

export function readRoute(hash: string): Route {
  const match = /^#\/([^?]+)(?:\?(.*))?$/.exec(hash);
  if (!match?.[1]) return { image: "", view: {}, look: "" };
  const view: Record<string, number> = {};
  const words = new URLSearchParams(match[2] ?? "");
  for (const [name, text] of words) {
    const value = Number(text);
    if (text !== "" && Number.isFinite(value)) view[name] = value;
  }
  return { image: decode(match[1]), view, look: words.get("look") ?? "" };
}

export function writeRoute(route: Route): string {
  if (!route.image) return "#/";
  const view = Object.entries(route.view).map(([name, value]) => `${name}=${Number(value.toPrecision(7))}`);
  if (route.look) view.push(`look=${encodeURIComponent(route.look)}`);
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
