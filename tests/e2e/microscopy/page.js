// Opens the series that the address names: page.html?study=...&series=...; what went wrong is in `window.failures`.
window.failures = [];
window.loaded = { started: 0, ended: 0 };

const fail = (error) => window.failures.push(String(error?.message ?? error));
addEventListener("error", (event) => fail(event.error));
addEventListener("unhandledrejection", (event) => fail(event.reason));

async function open() {
  const { metadata, viewer } = window.dicomMicroscopyViewer;
  const asked = new URLSearchParams(location.search);
  const client = new window.DICOMwebClient.api.DICOMwebClient({ url: `${location.origin}/dicomweb` });
  const found = await client.retrieveSeriesMetadata({
    studyInstanceUID: asked.get("study"),
    seriesInstanceUID: asked.get("series"),
  });
  const images = found.map((each) => new metadata.VLWholeSlideMicroscopyImage({ metadata: each }));
  const pyramid = images.filter((each) => ["VOLUME", "THUMBNAIL"].includes(each.ImageType[2]));
  const container = document.getElementById("slide");
  container.addEventListener("dicommicroscopyviewer_frame_loading_started", () => window.loaded.started++);
  container.addEventListener("dicommicroscopyviewer_frame_loading_ended", () => window.loaded.ended++);
  container.addEventListener("dicommicroscopyviewer_frame_loading_error", (event) => fail(`frame ${JSON.stringify(event.detail?.payload)}`));
  const opened = new viewer.VolumeImageViewer({ client, metadata: pyramid, controls: [], errorInterceptor: (error) => (fail(error), error) });
  opened.render({ container });
  window.opened = opened;
}

open().catch(fail);
