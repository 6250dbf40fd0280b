// Bundles src/ into the folder given as the only argument: nothing is fetched, nothing else is written.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2];
if (!target) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}
await mkdir(target, { recursive: true });
await build({
  entryPoints: [join(here, "src/main.ts")],
  outfile: join(target, "main.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
});
await build({
  entryPoints: [join(here, "src/style.css")],
  outfile: join(target, "style.css"),
  bundle: true,
  minify: true,
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(target, name));
}
const licence = await readFile(join(here, "node_modules/openseadragon/LICENSE.txt"), "utf8");
await writeFile(join(target, "licences.txt"), `OpenSeadragon\n\n${licence}`);
