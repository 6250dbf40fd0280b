// Cornerstone3D with its own loader of frames, as OHIF uses it: what it makes of a series, picture by picture.

import { cache, Enums, init, ProgressiveRetrieveImages } from "@cornerstonejs/core";
import { init as initLoader, wadors } from "@cornerstonejs/dicom-image-loader";

init();
initLoader({ wasmBasePath: "/viewer/", maxWebWorkers: 2 });

const { interleavedRetrieveStages, sequentialRetrieveStages, singleRetrieveStages } = ProgressiveRetrieveImages;
const STAGES = { single: singleRetrieveStages, sequential: sequentialRetrieveStages, interleaved: interleavedRetrieveStages };

/**
 * Retrieve frames. `stages` is one of STAGES, `retrieveOptions` are Cornerstone's; where `level` is given, the first ranges
 * end where the server says that this resolution is complete in all frames.
 */
window.retrieve = async ({ series, frames, stages, retrieveOptions, level }) => {
  const found = { pictures: [], errors: [] };
  const instances = await (await fetch(`${series}/metadata`, { headers: { accept: "application/dicom+json" } })).json();
  instances.sort((one, other) => numberOf(one) - numberOf(other));
  const imageIds = instances.flatMap((instance) => {
    const address = `wadors:${location.origin}${series}/instances/${instance["00080018"].Value[0]}/frames`;
    return Array.from({ length: frames }, (_, index) => {
      wadors.metaDataManager.add(`${address}/${index + 1}`, instance);
      return `${address}/${index + 1}`;
    });
  });
  if (level !== undefined) {
    // One number for all: a function of the image, which Cornerstone3D 5.14 asks for too, cannot be sent to its worker.
    const ends = await Promise.all(imageIds.map((imageId) => endOf(imageId, retrieveOptions, level)));
    window.firstRange = Math.max(...ends);
    for (const options of Object.values(retrieveOptions)) options.initialChunkSize = firstRange;
  }
  const listener = {
    successCallback(imageId, image) {
      const samples = image.voxelManager.getScalarData();
      const { rows, columns, imageQualityStatus } = image;
      const data = base64(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
      found.pictures.push({ index: imageIds.indexOf(imageId), rows, columns, status: imageQualityStatus, type: samples.constructor.name, data });
    },
    errorCallback: (imageId, isPermanent, reason) => found.errors.push([imageIds.indexOf(imageId), isPermanent, String(reason)]),
    getLoaderImageOptions: (imageId) => ({ useRGBA: false, preScale: { enabled: false }, priority: 5, requestType: Enums.RequestType.Interaction, additionalDetails: { imageId } }),
    getTargetOptions: () => ({}),
  };
  cache.purgeCache();
  const config = { ...STAGES[stages], retrieveOptions };
  await ProgressiveRetrieveImages.createProgressive(config).loadImages(imageIds, listener);
  return found;
};

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 16384) text += String.fromCharCode(...bytes.subarray(at, at + 16384));
  return btoa(text);
}

const numberOf = (instance) => Number(instance["00200013"]?.Value?.[0] ?? 0);

/** Where, in the body that Cornerstone asks for, a resolution of a frame is complete for it. */
async function endOf(imageId, retrieveOptions, level) {
  const path = Object.values(retrieveOptions).find((options) => options.framesPath)?.framesPath ?? "/frames/";
  const address = imageId.slice("wadors:".length).replace("/frames/", path);
  const headers = { accept: "multipart/related; type=application/octet-stream; transfer-syntax=*" };
  const known = await (await fetch(`${address}/resolutions`, { headers })).json();
  return known.resolutions.find((each) => each.reduction === level)?.multipart_end ?? known.multipart_length;
}

window.isReady = true;
