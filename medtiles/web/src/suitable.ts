// Which radiology images Cornerstone shows rightly, in a browser that lets it; the others open in the simple viewer.

import type { Image } from "./api.ts";

/** Why Cornerstone cannot show an image rightly; empty when it can. */
export function whyNot(image: Image): string {
  const { pixels, display } = image;
  if (!hasWebGl()) return "this browser offers no WebGL";
  if (!image.planes.every((plane) => plane.sop_instance_uid && plane.frame_number)) return "its planes are no DICOM frames";
  if (display.modality_lut || display.voi_lut) return "its contrast is a table";
  if (display.palette) return "its colours are a palette";
  if (pixels.float || pixels.bits_allocated > 16 || pixels.bits_allocated < 8) return `its samples have ${pixels.bits_allocated} bits`;
  return "";
}

function hasWebGl(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}
