// What the address's hash says: nothing is the list; `#/ID?plane=2&x=..&y=..&zoom=..&look=..` is an
// image, where one looks, and how it is shown.

export interface Route {
  /** The image's id; empty: the list. */
  image: string;
  view: Record<string, number>;
  /** How it is shown, as `look.ts` writes it; empty: as usual. */
  look: string;
  /** The image beside it, and the same of it. */
  beside?: { image: string; view: Record<string, number>; look: string } | undefined;
}

const BESIDE = "beside";

export function readRoute(hash: string): Route {
  const match = /^#\/([^?]+)(?:\?(.*))?$/.exec(hash);
  if (!match?.[1]) return { image: "", view: {}, look: "" };
  const view: Record<string, number> = {};
  const words = new URLSearchParams(match[2] ?? "");
  const second: Record<string, number> = {};
  for (const [name, text] of words) {
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || name === BESIDE) continue;
    if (name.startsWith(`${BESIDE}_`)) second[name.slice(BESIDE.length + 1)] = value;
    else view[name] = value;
  }
  const beside = words.get(BESIDE);
  return {
    image: decode(match[1]),
    view,
    look: words.get("look") ?? "",
    beside: beside ? { image: beside, view: second, look: words.get(`${BESIDE}_look`) ?? "" } : undefined,
  };
}

export function writeRoute(route: Route): string {
  if (!route.image) return "#/";
  const view = words(route, "");
  if (route.beside) view.push(`${BESIDE}=${encodeURIComponent(route.beside.image)}`, ...words(route.beside, `${BESIDE}_`));
  return `#/${encodeURIComponent(route.image)}${view.length ? `?${view.join("&")}` : ""}`;
}

function words(of: { view: Record<string, number>; look: string }, before: string): string[] {
  const found = Object.entries(of.view).map(([name, value]) => `${before}${name}=${Number(value.toPrecision(7))}`);
  return of.look ? [...found, `${before}look=${encodeURIComponent(of.look)}`] : found;
}

/** What of a route makes another page of it. */
export function pageOf(route: Route): string {
  return route.view["jpip"] ? `${route.image}?jpip` : route.image;
}

/** Keeps the address in step with the view without a new entry in the history; one that leads elsewhere is left alone. */
export function keepInAddress(route: Route): void {
  if (pageOf(readRoute(location.hash)) === pageOf(route)) history.replaceState(null, "", writeRoute(route));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
