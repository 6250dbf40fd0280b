// Light, dark, or as the system has it.

const THEMES = ["auto", "light", "dark"] as const;
const KEY = "medtiles.theme";

function stored(): string {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto";
  }
}

export function applyTheme(theme = stored()): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Turns light into dark and dark into light; what equals the system's choice is left to the system. */
export function nextTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const now = stored() === "auto" ? system : stored();
  const wanted = now === "dark" ? "light" : "dark";
  const theme: (typeof THEMES)[number] = wanted === system ? "auto" : wanted;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // a private window: the choice lasts as long as the page
  }
  applyTheme(theme);
}
