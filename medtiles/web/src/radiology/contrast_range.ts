// Windows as Cornerstone takes them: the least and the greatest value of the ramp (DICOM PS3.3 C.11.2.1.2).

import { Enums, type Types, utilities } from "@cornerstonejs/core";

import type { Windowing } from "../windowing.ts";

type Properties = { voiRange: Types.VOIRange; VOILUTFunction: Enums.VOILUTFunctionType };
const { LINEAR, LINEAR_EXACT, SAMPLED_SIGMOID } = Enums.VOILUTFunctionType;

export function propertiesOf(window: Windowing): Properties {
  const kind = window.function === "SIGMOID" ? SAMPLED_SIGMOID : window.function === "LINEAR_EXACT" ? LINEAR_EXACT : LINEAR;
  return { voiRange: utilities.windowLevel.toLowHighRange(window.width, window.centre, kind), VOILUTFunction: kind };
}

/** The window of a ramp, as people write it. */
export function windowOf(range: Types.VOIRange, kind: string): Windowing {
  const exact = kind === "LINEAR_EXACT" ? 0 : 1;
  const width = range.upper - range.lower + exact;
  return { centre: (range.upper + range.lower + exact) / 2, width, function: kind };
}
