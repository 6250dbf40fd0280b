// What the page loads when it opens its first radiology image.

export { whyNot } from "./series.ts";
export { RadiologyView } from "./view.ts";
