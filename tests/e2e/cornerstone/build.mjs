// Bundles page.js into the folder that is given, with the packages of the page that medtiles itself shows.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [web, target] = process.argv.slice(2);
const { build } = createRequire(join(web, "package.json"))("esbuild");

/** What the packages name but never run in a browser. */
const nothing = {
  name: "nothing",
  setup(plugin) {
    plugin.onResolve({ filter: /^(fs|path|crypto|events|xmlbuilder2|utif|adm-zip)$/ }, ({ path }) => ({ path, namespace: "nothing" }));
    plugin.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {};" }));
  },
};
const entryPoints = [join(here, "page.js")];
const nodePaths = [join(web, "node_modules")];
await build({ entryPoints, nodePaths, bundle: true, format: "esm", target: ["es2022"], outdir: target, logLevel: "warning", plugins: [nothing] });
