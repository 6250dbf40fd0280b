// Shows one tile source at a time, and tells what became of its tiles.

let viewer;

/** Opens a source at a part of it (in parts of its width and height), until all tiles of that are there. */
window.show = (tileSources, [x, y, width, height]) => {
  viewer?.destroy();
  const failed = [];
  viewer = OpenSeadragon({ id: "viewer", tileSources, showNavigationControl: false, animationTime: 0, blendTime: 0, drawer: "canvas" });
  return new Promise((resolve) => {
    viewer.addHandler("open-failed", ({ message }) => resolve({ failed: [message], loaded: 0 }));
    viewer.addHandler("tile-load-failed", ({ tile, message }) => failed.push(`${tile.getUrl()}: ${message}`));
    let loaded = 0;
    viewer.addHandler("tile-loaded", () => (loaded += 1));
    viewer.addHandler("open", () => {
      const item = viewer.world.getItemAt(0);
      const size = item.getContentSize();
      const shape = size.y / size.x;
      viewer.viewport.fitBounds(new OpenSeadragon.Rect(x, y * shape, width, height * shape), true);
      const timer = setInterval(() => {
        viewer.forceRedraw();
        if (loaded === 0 || !item.getFullyLoaded()) return;
        clearInterval(timer);
        requestAnimationFrame(() => resolve({ failed, loaded, size: [size.x, size.y] }));
      }, 50);
    });
  });
};
window.isReady = true;
