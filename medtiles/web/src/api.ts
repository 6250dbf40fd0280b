// What the server offers, as types and requests.

export interface Summary {
  id: string;
  name: string;
  kind: string;
  format: string;
  width: number;
  height: number;
  planes: number;
  modality: string;
  study_uid: string;
  series_uid: string;
  problem: string;
}

export interface Page {
  images: Summary[];
  total: number;
  next: number | null;
  scanning: boolean;
  uploads?: { most_bytes: number };
}

export interface Plane {
  name: string;
  channel: number;
  z: number;
  t: number;
  position_mm: number | null;
  sop_instance_uid: string;
  frame_number: number;
}

export interface Level {
  width: number;
  height: number;
  tile_width: number;
  tile_height: number;
  downsample: number | null;
  media_type: string | null;
}

export interface Window {
  centre: number | null;
  width: number | null;
  function: string;
  explanation: string;
}

export interface Lut {
  first: number;
  bits: number;
  values: number[];
}

export interface Display {
  slope: number | null;
  intercept: number | null;
  units: string;
  windows: Window[];
  inverted: boolean;
  padding: [number, number] | null;
  colour: [number, number, number] | null;
  modality_lut: Lut | null;
  voi_lut: Lut | null;
  palette: Lut[] | null;
}

export interface Image {
  id: string;
  name: string;
  kind: string;
  format: string;
  version: string;
  width: number;
  height: number;
  spacing_mm: [number, number] | null;
  slice_spacing_mm: number | null;
  objective_power: number | null;
  pixels: {
    samples_per_pixel: number;
    bits_allocated: number;
    bits_stored: number;
    signed: boolean;
    float: boolean;
    photometric: string;
  };
  levels: Level[];
  planes: Plane[];
  associated: { name: string; width: number; height: number }[];
  background: [number, number, number];
  has_icc_profile: boolean;
  dicom: { study_uid: string; series_uid: string; modality: string; transfer_syntaxes: string[] } | null;
  properties: Record<string, string>;
  display: Display;
  /** Where it tells what is looked at, of a server that counts. */
  hotspots?: string;
}

export interface Channel {
  index: number;
  name: string;
  fluorophore: string | null;
  emission_nm: number | null;
  excitation_nm: number | null;
  /** Six hexadecimal digits. */
  colour: string;
  bits: number;
  domain: [number, number];
  percentiles: Record<string, number>;
  histogram: { from: number; to: number; counts: number[] };
}

export interface Channels {
  channels: Channel[];
  z: number;
  t: number;
  maps: string[];
  blends: string[];
  projections: string[];
}

/** What the server said when it refused (RFC 9457), or why it could not be asked. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** An answer with a status of 200 to 299. */
export async function ask(url: string, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal ? { headers, signal } : { headers });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem("The server does not answer.", 0);
  }
  if (response.ok) return response;
  throw new Problem(await reason(response), response.status);
}

/** What an answer says of why it refuses. */
export async function reason(response: Response): Promise<string> {
  try {
    const problem: unknown = await response.json();
    if (typeof problem === "object" && problem !== null && "detail" in problem) return String(problem.detail);
  } catch {
    // not a problem document: the status must do
  }
  return `The server answered ${response.status}.`;
}

export async function listImages(query: Record<string, string>, signal: AbortSignal): Promise<Page> {
  const response = await ask(`/images?${new URLSearchParams(query)}`, signal);
  return (await response.json()) as Page;
}

export async function getImage(id: string, signal: AbortSignal): Promise<Image> {
  return (await (await ask(`/images/${encodeURIComponent(id)}`, signal)).json()) as Image;
}

export async function getDisplay(id: string, plane: number, signal: AbortSignal): Promise<Display> {
  return (await (await ask(`/images/${encodeURIComponent(id)}/display/${plane}`, signal)).json()) as Display;
}

export async function getChannels(id: string, signal: AbortSignal): Promise<Channels> {
  return (await (await ask(`/images/${encodeURIComponent(id)}/channels`, signal)).json()) as Channels;
}

export function thumbnailUrl(id: string, size: number): string {
  return `/images/${encodeURIComponent(id)}/thumbnail?size=${size}`;
}

export function associatedUrl(image: Image, name: string, size?: number): string {
  const limit = size === undefined ? "" : `size=${size}&`;
  return `/images/${encodeURIComponent(image.id)}/associated/${encodeURIComponent(name)}?${limit}v=${image.version}`;
}

export function deepZoomUrl(image: Image, plane: number, look = new URLSearchParams()): string {
  const choice = plane > 0 ? `plane=${plane}&` : "";
  const rendering = look.size ? `${look}&` : "";
  return `/dzi/${encodeURIComponent(image.id)}.dzi?${choice}${rendering}v=${image.version}`;
}

export function viewUrl(image: Image, plane: number, size: number, format: string): string {
  return `/images/${encodeURIComponent(image.id)}/view?format=${format}&plane=${plane}&size=${size}&v=${image.version}`;
}
