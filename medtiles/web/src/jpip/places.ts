// The codestreams of an image, and which of them, how often halved, is enough for what is looked at.

import { ask, type Image } from "../api.ts";

/** What `/images/{id}/codestreams` tells of one. */
export interface Place {
  stream: number;
  level: number;
  plane: number;
  width: number;
  height: number;
  stored: boolean;
  /** Of the codestream, where it lies in one file. */
  bytes: number | null;
}

export interface Choice {
  place: Place;
  /** Halvings that are wanted; the codestream may have fewer. */
  reduction: number;
}

const NEARLY = 0.98; // a picture is not fetched twice as large for a few pixels

export async function getPlaces(image: Image, signal: AbortSignal): Promise<Place[]> {
  const response = await ask(`/images/${encodeURIComponent(image.id)}/codestreams`, signal);
  return ((await response.json()) as { codestreams: Place[] }).codestreams;
}

/** The smallest that has a pixel for each one of the screen. `scale`: screen pixels for each of the image's. */
export function choose(places: Place[], plane: number, image: Image, scale: number): Choice | null {
  const needed = image.width * Math.min(scale, 1) * NEARLY;
  const ofPlane = places.filter((place) => place.plane === plane).sort((a, b) => a.width - b.width);
  const place = ofPlane.find(({ width }) => width >= needed) ?? ofPlane.at(-1);
  return place ? { place, reduction: Math.max(0, Math.floor(Math.log2(place.width / needed))) } : null;
}
