// The page: shows the list or an image, as the address says.

import { el, iconButton } from "./dom.ts";
import { ImageList } from "./list.ts";
import { pageOf, readRoute, type Route } from "./route.ts";
import { applyTheme, nextTheme } from "./theme.ts";
import { ImageView } from "./viewer.ts";

interface Shown {
  close(): void;
}

const app = document.getElementById("app")!;
let shown: Shown | null = null;
let shownPage: string | null = null;

function show(): void {
  const route = readRoute(location.hash);
  const wanted = pageOf(route);
  if (shown && wanted === shownPage) return;
  shown?.close();
  shownPage = wanted;
  if (route.image) showImage(route);
  else showList();
}

function showList(): void {
  document.title = "medtiles";
  document.body.className = "listing";
  const header = el("header", { class: "top" }, el("a", { class: "brand", href: "#/" }, brandMark(), "medtiles"));
  const list = new ImageList(header);
  header.append(iconButton("theme", "Light or dark", nextTheme));
  app.replaceChildren(header, list.element);
  shown = list;
}

function showImage(route: Route): void {
  document.body.className = "viewing";
  const viewer = new ImageView(route);
  app.replaceChildren(viewer.element);
  shown = viewer;
}

function brandMark(): HTMLElement {
  return el("img", { src: "/static/icon.svg", alt: "", width: 24, height: 24 });
}

applyTheme();
window.addEventListener("hashchange", show);
show();
