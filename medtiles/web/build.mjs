// Bundles src/ into the folder given as the only argument: nothing is fetched, nothing else is written.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "node_modules");
const target = process.argv[2];
if (!target) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}

/** What the packages name but never run in a browser, or not in ours: Node's modules, XML, TIFF and zip readers, WebGPU. */
const NEVER_RUN = /^(fs|path|crypto|events|xmlbuilder2|utif|adm-zip)$/;
const WEBGPU = /^\.\.\/WebGPU\//;
const leaner = {
  name: "leaner",
  setup(plugin) {
    plugin.onResolve({ filter: NEVER_RUN }, (asked) => ({ path: asked.path, namespace: "nothing" }));
    plugin.onResolve({ filter: WEBGPU }, (asked) => ({ path: asked.path, namespace: "nothing" }));
    plugin.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {};" }));
    plugin.onLoad({ filter: /drawingSvg\/drawTextBox\.js$/ }, async ({ path }) => ({ contents: withoutInlineStyle(await readFile(path, "utf8")) }));
    // The loader's index names all its codecs, but they run in the worker alone.
    plugin.onResolve({ filter: /^(@cornerstonejs\/dicom-image-loader|\.)/ }, async (asked) => {
      const { importer, kind, path, pluginData, resolveDir } = asked;
      if (pluginData === leaner || !/src\/radiology|dicom-image-loader/.test(importer)) return undefined;
      const found = await plugin.resolve(path, { importer, kind, resolveDir, pluginData: leaner });
      return found.path.includes("/dicom-image-loader/") ? { path: found.path, sideEffects: false } : found;
    });
  },
};
/** An attribute `style` is what the page's policy forbids; the same said to the element's style is not. */
function withoutInlineStyle(source) {
  const before = "textElement.setAttribute('style', combinedStyle)";
  if (!source.includes(before)) throw new Error(`drawTextBox.js has changed: ${before} is gone`);
  return source.replace(before, "textElement.style.cssText = combinedStyle");
}

const common = { bundle: true, minify: true, legalComments: "none", logLevel: "warning" };
const scripts = { ...common, format: "esm", target: ["es2022"], splitting: true, outdir: target, chunkNames: "[name]-[hash]" };

await mkdir(target, { recursive: true });
await build({ ...scripts, entryPoints: [join(here, "src/main.ts")], plugins: [leaner] });
await build({
  ...scripts,
  entryPoints: [join(packages, "@cornerstonejs/dicom-image-loader/dist/esm/decodeImageFrameWorker.js"), { in: join(here, "src/jpip/decoder.ts"), out: "jpip_decoder" }],
  plugins: [leaner],
  // OpenJPEG tells its progress on the console; a function that does nothing takes it.
  define: { "console.log": "Boolean" },
});
await build({ ...common, entryPoints: [join(here, "src/style.css")], outfile: join(target, "style.css") });
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(target, name));
}
const CODECS = [
  "codec-charls/dist/charlswasm_decode.wasm",
  "codec-libjpeg-turbo-8bit/dist/libjpegturbowasm_decode.wasm",
  "codec-libjxl/dist/jpegxlwasm_decode.wasm",
  "codec-openjpeg/dist/openjpegwasm_decode.wasm",
  "codec-openjph/dist/openjphjs.wasm",
];
for (const codec of CODECS) {
  await copyFile(join(packages, "@cornerstonejs", codec), join(target, codec.split("/").at(-1)));
}
await writeFile(join(target, "licences.txt"), await licences());

/** The licences of all packages that the bundle holds, by the lock file. */
async function licences() {
  const lock = JSON.parse(await readFile(join(here, "package-lock.json"), "utf8"));
  const require = createRequire(import.meta.url);
  const found = [];
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (!place || entry.dev) continue;
    const { name, version, license } = require(join(here, place, "package.json"));
    found.push(`${name} ${version} (${license ?? "see its text"})\n\n${await licenceText(join(here, place))}`);
  }
  return found.join(`\n${"-".repeat(100)}\n\n`);
}

async function licenceText(folder) {
  for (const name of ["LICENSE", "LICENSE.txt", "LICENSE.md", "license", "LICENCE", "LICENSE-MIT.txt"]) {
    try {
      return await readFile(join(folder, name), "utf8");
    } catch {
      // another name
    }
  }
  return "The package comes without the text of its licence.\n";
}
