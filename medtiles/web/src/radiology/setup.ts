// Cornerstone3D, set up once for the page: silent, bounded, with our frames and the tools that the viewer offers.

import { cache, Enums, getConfiguration, imageLoadPoolManager, init as initCore, utilities, volumeLoader } from "@cornerstonejs/core";
import { cornerstoneStreamingImageVolumeLoader } from "@cornerstonejs/core";
import { init as initLoader } from "@cornerstonejs/dicom-image-loader";
import { init as initTools } from "@cornerstonejs/tools";
import { logging } from "@cornerstonejs/utils";

import { registerFrames } from "./frames.ts";
import { registerTools } from "./tools.ts";

export const VOLUMES = "cornerstoneStreamingImageVolume";
const MOST_BYTES = 1024 * 1024 * 1024;
/** Requests under way at one time: browsers open no more than six to one server. */
const AT_ONCE = 5;
let isSetUp = false;

export function setUp(): void {
  if (isSetUp) return;
  isSetUp = true;
  for (const logger of [logging.log, ...Object.values(logging.log.getLoggers())]) logger.setLevel("silent", false);
  // Browsers allow sixteen contexts of WebGL and let go of the oldest one; seven for each view, as by default, are soon too many.
  const usual = getConfiguration();
  initCore({ ...usual, rendering: { ...usual.rendering, webGlContextCount: 1 } });
  initLoader({ wasmBasePath: "/static/", maxWebWorkers: Math.min(Math.max((navigator.hardwareConcurrency || 2) - 1, 1), 4) });
  initTools();
  registerFrames();
  registerTools();
  volumeLoader.registerVolumeLoader(VOLUMES, cornerstoneStreamingImageVolumeLoader as never);
  cache.setMaxCacheSize(MOST_BYTES);
  const { Interaction, Thumbnail, Prefetch } = Enums.RequestType;
  for (const type of [Interaction, Thumbnail, Prefetch]) imageLoadPoolManager.setMaxSimultaneousRequests(type, AT_ONCE);
  planRetrieval();
}

/**
 * A stack brings one frame, at every resolution that its bytes complete. A volume brings the middle and both ends, then
 * every second slice at a quarter of its size with copies for its neighbour, then the rest of all of them.
 */
function planRetrieval(): void {
  const { ADJACENT_REPLICATE } = Enums.ImageQualityStatus;
  const nearbyFrames = [-1, 1].map((offset) => ({ offset, imageQualityStatus: ADJACENT_REPLICATE }));
  const requestType = Enums.RequestType.Thumbnail;
  utilities.imageRetrieveMetadataProvider.add("stack", {
    stages: [{ id: "frame", retrieveType: "whole" }],
    retrieveOptions: { whole: { reduction: 0 } },
  });
  utilities.imageRetrieveMetadataProvider.add("volume", {
    stages: [
      { id: "ends", positions: [0.5, 0, -1], retrieveType: "whole", requestType, priority: 5, nearbyFrames },
      { id: "everySecond", decimate: 2, offset: 1, retrieveType: "coarse", requestType, priority: 6, nearbyFrames },
      { id: "others", decimate: 2, offset: 0, retrieveType: "coarse", requestType, priority: 7 },
      { id: "everySecondWhole", decimate: 2, offset: 1, retrieveType: "whole", requestType, priority: 8 },
      { id: "othersWhole", decimate: 2, offset: 0, retrieveType: "whole", requestType, priority: 9 },
    ],
    retrieveOptions: { whole: { reduction: 0 }, coarse: { reduction: 2 } },
  });
}
