/**
 * Bundles the labs: `node kernelbook/labs/build.mjs`, or `make labs`.
 *
 * dist/labs.js    all labs in one classic script for the published page (browsers block import() of a file: address)
 * dist/lab-<lab>.js   one lab in a classic script, for the many pages that show only one or two
 * dist/labs-shared.js what each of those needs, loaded before them, once
 * dist/<lab>.mjs  one module a lab for Jupyter, anywidget's `_esm`
 * dist/labs.css   the style sheet for Jupyter, anywidget's `_css`; labs.js carries the same
 *
 * dist/<page>.js  a page's own script that is no lab (pages/), with its style sheet inside, as a classic script
 *
 * A lab is any `<name>.js` beside this file. Nothing is done when no source has changed since the last build.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const stamp = join(dist, "stamp");

/** @param {string} folder @param {RegExp} pattern */
const list = (folder, pattern) =>
  readdirSync(join(here, folder))
    .filter((name) => pattern.test(name))
    .sort();
const labs = list(".", /^[a-z_]+\.js$/).map((file) => file.replace(/\.js$/, ""));
const pages = list("pages", /^[a-z_]+\.js$/).map((file) => file.replace(/\.js$/, ""));
const sources = [
  ...list(".", /\.(js|mjs|css)$/),
  ...list("lib", /\.(js|json)$/).map((name) => join("lib", name)),
  ...list("pages", /\.(js|css)$/).map((name) => join("pages", name)),
];
const named = labs.map((lab) => ({ lab, name: lab.replaceAll("_", "-") }));
// What (nearly) every lab imports. A script of one lab finds it in `kernelByKernel`, where labs-shared.js has put it.
const shared = ["checks", "dom", "experiments", "format", "host", "model", "toolbar"];
const outputs = [
  "labs.js",
  "labs-shared.js",
  "labs.css",
  ...named.flatMap(({ lab, name }) => [`${lab}.mjs`, `lab-${name}.js`]),
  ...pages.map((page) => `${page}.js`),
];

const hash = createHash("sha256");
for (const source of sources)
  hash
    .update(`${source}\0`)
    .update(readFileSync(join(here, source)))
    .update("\0");
const digest = hash.digest("hex");
const fresh =
  existsSync(stamp) && readFileSync(stamp, "utf8") === digest && outputs.every((name) => existsSync(join(dist, name)));

if (!fresh) {
  const esbuild = await import("esbuild");
  mkdirSync(dist, { recursive: true });
  const made = mkdtempSync(join(dist, "."));
  /** @param {string} file its minified text, "" if there is none */
  const styleOf = async (file) => {
    const path = join(here, file);
    if (!existsSync(path)) return "";
    return (await esbuild.transform(readFileSync(path, "utf8"), { loader: "css", minify: true })).code.trim();
  };
  const base = await styleOf("labs.css");
  const styles = Object.fromEntries(
    await Promise.all(named.map(async ({ lab, name }) => /** @type {const} */ ([name, await styleOf(`${lab}.css`)]))),
  );
  writeFileSync(join(made, "labs.css"), [base, ...Object.values(styles)].join(""));

  /** @param {{lab: string, name: string}[]} shown @param {Record<string, string>} [sheets] */
  const page = (shown, sheets = {}) =>
    [
      `import { mountWhenReady } from "./lib/host.js";`,
      ...shown.map(({ lab }) => `import ${lab} from "./${lab}.js";`),
      `mountWhenReady({ ${shown.map(({ lab, name }) => `"${name}": ${lab}`).join(", ")} }, ${JSON.stringify({
        ...sheets,
        ...Object.fromEntries(shown.map(({ name }) => [name, styles[name]])),
      })});`,
    ].join("\n");
  const sharedPage = [
    ...shared.map((name) => `import * as ${name} from "./lib/${name}.js";`),
    `globalThis.kernelByKernel = { ${shared.join(", ")} };`,
    `host.addStyles(${JSON.stringify({ labs: base })});`,
  ].join("\n");
  /** @type {import("esbuild").Plugin} */
  const fromShared = {
    name: "shared",
    setup(build) {
      const pattern = new RegExp(`^\\./(?:lib/)?(${shared.join("|")})\\.js$`);
      build.onResolve({ filter: pattern }, ({ path }) => ({ path: path.replace(pattern, "$1"), namespace: "shared" }));
      build.onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
        contents: `module.exports = kernelByKernel.${path};`,
      }));
    },
  };
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    bundle: true,
    minify: true,
    charset: "utf8",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  };
  /** @param {string} page */
  const own = async (page) =>
    `import { startWhenLoaded } from "./pages/${page}.js";
    startWhenLoaded(${JSON.stringify(await styleOf(`pages/${page}.css`))});`;
  /** @param {string} file @param {string} contents @param {import("esbuild").Plugin[]} [plugins] */
  const classic = (file, contents, plugins = []) =>
    esbuild.build({
      ...common,
      plugins,
      stdin: { contents, resolveDir: here },
      outfile: join(made, file),
      format: "iife",
    });
  await Promise.all([
    classic("labs.js", page(named, { labs: base })),
    classic("labs-shared.js", sharedPage),
    ...named.map((one) => classic(`lab-${one.name}.js`, page([one]), [fromShared])),
    ...pages.map(async (name) => classic(`${name}.js`, await own(name))),
    esbuild.build({
      ...common,
      entryPoints: labs.map((lab) => join(here, `${lab}.js`)),
      outdir: made,
      outExtension: { ".js": ".mjs" },
      format: "esm",
    }),
  ]);
  writeFileSync(join(made, "stamp"), digest);
  // The stamp last: a build that was broken off is made again.
  for (const name of [...outputs, "stamp"]) renameSync(join(made, name), join(dist, name));
  rmSync(made, { recursive: true });
  for (const name of readdirSync(dist)) if (![...outputs, "stamp"].includes(name)) rmSync(join(dist, name), { recursive: true });
}
