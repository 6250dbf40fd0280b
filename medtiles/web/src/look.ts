// How an image is shown: its channels, or adjustments of one picture; as the server's query string, and back.

import type { Channels } from "./api.ts";

export interface ChannelLook {
  isShown: boolean;
  low: number;
  high: number;
  /** Six hexadecimal digits. */
  colour: string;
  gamma: number;
}

export interface Look {
  /** Empty: the image has no channels to choose from. */
  channels: ChannelLook[];
  project: string;
  gamma: number;
  contrast: number;
  isInverted: boolean;
  spread: string;
  map: string;
  isSharp: boolean;
  isSrgb: boolean;
}

/** Channels that are shown at first. */
const FIRST = 6;
const SHARP = "0,-1,0;-1,5,-1;0,-1,0";

export function usualChannel(channels: Channels, index: number): ChannelLook {
  const channel = channels.channels[index]!;
  const low = channel.percentiles["0.1"] ?? channel.domain[0];
  const high = Math.max(channel.percentiles["99.9"] ?? channel.domain[1], low + (channel.domain[1] - channel.domain[0]) / 1e6);
  return { isShown: index < FIRST, low: rounded(low), high: rounded(high), colour: channel.colour, gamma: 1 };
}

/** As the server shows it when nothing is said, or, of several channels, the first ones put together. */
export function usualLook(channels: Channels | null): Look {
  return {
    channels: channels ? channels.channels.map((_, index) => usualChannel(channels, index)) : [],
    project: "",
    gamma: 1,
    contrast: 1,
    isInverted: false,
    spread: "",
    map: "",
    isSharp: false,
    isSrgb: false,
  };
}

/** The parameters of a look; none where nothing is changed, so that stored bytes can come. */
export function lookQuery(look: Look): URLSearchParams {
  const query = new URLSearchParams();
  const shown = look.channels.map(channelText).filter((text) => text !== "");
  if (shown.length) query.set("channels", shown.join(","));
  if (shown.length && look.project) query.set("project", look.project);
  if (look.gamma !== 1) query.set("gamma", plain(look.gamma));
  if (look.contrast !== 1) query.set("contrast", plain(look.contrast));
  if (look.isInverted) query.set("invert", "1");
  if (look.spread) query.set("spread", look.spread);
  if (look.map) query.set("map", look.map);
  if (look.isSharp) query.set("kernel", SHARP);
  if (look.isSrgb) query.set("icc", "srgb");
  return query;
}

/** The look of such parameters; what is not understood stays as usual. */
export function readLook(text: string, channels: Channels | null): Look {
  const look = usualLook(channels);
  const query = new URLSearchParams(text);
  const shown = query.get("channels");
  if (shown !== null && channels) {
    for (const channel of look.channels) channel.isShown = false;
    for (const part of shown.split(",")) readChannel(part, look.channels);
  }
  look.project = query.get("project") ?? "";
  look.gamma = positive(query.get("gamma"));
  look.contrast = positive(query.get("contrast"));
  look.isInverted = query.get("invert") === "1";
  look.spread = query.get("spread") ?? "";
  look.map = query.get("map") ?? "";
  look.isSharp = query.has("kernel");
  look.isSrgb = query.get("icc") === "srgb";
  return look;
}

function channelText(channel: ChannelLook, index: number): string {
  if (!channel.isShown) return "";
  const gamma = channel.gamma === 1 ? "" : `:g${plain(channel.gamma)}`;
  return `${index}:${plain(channel.low)}-${plain(channel.high)}:${channel.colour}${gamma}`;
}

function readChannel(text: string, channels: ChannelLook[]): void {
  const [index, ...parts] = text.split(":");
  const channel = channels[Number(index)];
  if (!channel) return;
  channel.isShown = true;
  for (const part of parts) {
    const range = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(part);
    if (range) [channel.low, channel.high] = [Number(range[1]), Number(range[2])];
    else if (/^[0-9A-Fa-f]{6}$/.test(part)) channel.colour = part.toUpperCase();
    else if (/^g[\d.]+$/.test(part)) channel.gamma = positive(part.slice(1));
  }
}

function positive(text: string | null): number {
  const value = Number(text);
  return value > 0 && Number.isFinite(value) ? value : 1;
}

/** A number without an exponent. */
function plain(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, "");
}

/** Three digits and more: what a slider can mean. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
