// Builds what is published: `dist/commands/**` (one entry a command, shared code in chunks), `dist/cli.js`, and oclif's manifest.
import { cpSync, existsSync, globSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Each in a file of its own, with all that they may need: looking up twenty shared chunks would take longer than they run. */
const ALONE: readonly string[] = ['commands/decode', 'commands/message/verify'];

async function main(): Promise<void> {
  const started = performance.now();
  const commands = globSync('commands/**/*.ts', { cwd: root });
  const fresh = join(root, `dist.${process.pid}`);
  const names = commands.map((file) => file.replace(/\.ts$/, ''));
  const entries = (wanted: readonly string[]) => Object.fromEntries(wanted.map((name) => [name, `${name}.ts`]));
  const common = { ...COMMON, absWorkingDir: root, outdir: fresh };
  await Promise.all([
    build({ ...common, entryPoints: { cli: 'src/app/cli.ts', ...entries(ALONE) }, splitting: false }),
    build({ ...common, entryPoints: entries(names.filter((name) => !ALONE.includes(name))), splitting: true }),
  ]).catch((error: unknown) => {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  });
  // Protocol files are read at run time, from `protos` in a folder above the code.
  cpSync(join(root, 'src/io/grpc/protos'), join(fresh, 'protos'), { recursive: true });
  replaceDist(fresh);
  await writeManifest();
  process.stderr.write(`built ${commands.length} commands in ${Math.round(performance.now() - started)} ms\n`);
}

/**
 * What Node itself brings is taken from the process: an `import` of `node:fs` reads all its getters for the names that it exports, which
 * loads the streams and costs a light command a tenth of its time.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** Small pure packages that light commands use: inside the bundle they load in half the time. What is native or large stays outside. */
const bundledPackages: Plugin = {
  name: 'bundled-packages',
  setup({ onResolve }) {
    const bundled = /^@(noble\/(hashes|ciphers)|scure\/(base|bip32|bip39))(\/|$)/;
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind !== 'entry-point' && !path.startsWith('node:') && !bundled.test(path) ? { path, external: true } : undefined,
    );
  },
};

const COMMON: BuildOptions = {
  entryNames: '[dir]/[name]',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.12',
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [builtins, bundledPackages],
  logLevel: 'warning',
};

/** A process that runs while its bundle is replaced still finds the chunks that it has not loaded yet. */
const KEEP_CHUNKS_MS = 10 * 60_000;

/** A command that starts now finds either the old build or the new one, whole. */
function replaceDist(fresh: string): void {
  const dist = join(root, 'dist');
  const old = join(root, `dist.${process.pid}.old`);
  mkdirSync(join(fresh, 'chunks'), { recursive: true });
  if (existsSync(dist)) {
    keepChunks(join(dist, 'chunks'), join(fresh, 'chunks'));
    renameSync(dist, old);
  }
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

function keepChunks(from: string, to: string): void {
  if (!existsSync(from)) return;
  for (const name of readdirSync(from)) {
    const young = Date.now() - statSync(join(from, name)).mtimeMs < KEEP_CHUNKS_MS;
    if (young && !existsSync(join(to, name))) linkSync(join(from, name), join(to, name));
  }
}

/** What `oclif manifest` would write, without its package of 40 MB: the same code of @oclif/core makes it. */
async function writeManifest(): Promise<void> {
  const { Config } = (await import(
    pathToFileURL(join(root, 'node_modules/@oclif/core/lib/index.js')).href
  )) as typeof import('@oclif/core');
  const config = new Config({ root, ignoreManifest: true, errorOnManifestCreate: true });
  await config.load();
  const plugin = config.plugins.get('lnkit') as { readonly manifest?: object } | undefined;
  if (plugin === undefined) throw new Error('oclif does not find its own plugin');
  writeFileSync(join(root, 'oclif.manifest.json'), `${JSON.stringify(plugin.manifest, null, 1)}\n`);
}

// An installed package has no sources and needs no build.
if (existsSync(join(root, 'commands'))) await main();
