/**
 * Bundles the labs: `node kernelbook/labs/build.mjs`, or `make labs`.
 *
 * dist/labs.js    one classic script for the published page (import() of a file: address is blocked by browsers)
 * dist/<lab>.mjs  one module a lab for Jupyter, anywidget's `_esm`
 * dist/labs.css   the style sheet for Jupyter, anywidget's `_css`; labs.js carries the same
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
const sources = [...list(".", /\.(js|mjs|css)$/), ...list("lib", /\.(js|json)$/).map((name) => join("lib", name))];
const outputs = ["labs.js", "labs.css", ...labs.map((lab) => `${lab}.mjs`)];

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
  const styles = ["labs.css", ...labs.map((lab) => `${lab}.css`).filter((name) => existsSync(join(here, name)))];
  const style = styles.map((name) => readFileSync(join(here, name), "utf8")).join("\n");
  const css = (await esbuild.transform(style, { loader: "css", minify: true })).code.trim();
  writeFileSync(join(made, "labs.css"), css);

  const page = [
    `import { mountWhenReady } from "./lib/host.js";`,
    ...labs.map((lab) => `import ${lab} from "./${lab}.js";`),
    `mountWhenReady({ ${labs.map((lab) => `"${lab.replaceAll("_", "-")}": ${lab}`).join(", ")} }, ${JSON.stringify(css)});`,
  ].join("\n");
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    bundle: true,
    minify: true,
    charset: "utf8",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  };
  await Promise.all([
    esbuild.build({
      ...common,
      stdin: { contents: page, resolveDir: here },
      outfile: join(made, "labs.js"),
      format: "iife",
    }),
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
