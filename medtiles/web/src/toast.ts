// A short message at the edge of the page.

import { append, el } from "./dom.ts";

let timer = 0;

/** Shows a message, for some seconds or (with an action) until it is used. */
export function toast(text: string, action?: { label: string; run: () => void }): void {
  const place = document.getElementById("toast");
  if (!place) return;
  clearTimeout(timer);
  place.replaceChildren(el("span", {}, text));
  if (action) append(place, el("button", { class: "button", type: "button", onclick: action.run }, action.label));
  place.className = "shown";
  if (!action) timer = window.setTimeout(hideToast, 6000);
}

export function hideToast(): void {
  const place = document.getElementById("toast");
  if (place) place.className = "";
}
