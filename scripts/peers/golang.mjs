import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { goVersion, moduleDirectory } from './cache.mjs';
import { run } from './run.mjs';

const LEAST_GO = [1, 25, 13];
const LND_TAGS = 'autopilotrpc chainrpc invoicesrpc peersrpc routerrpc signrpc walletrpc watchtowerrpc wtclientrpc dev';

/** The build tags of each peer: tapd builds lnd into its integrated form, so it takes the same. */
const TAGS = { lnd: LND_TAGS, tapd: LND_TAGS, aperture: '' };

/**
 * Builds the tools of `scripts/peers/<name>/go.mod` into `directory/bin`.
 * @param {keyof typeof TAGS} name
 * @param {string} directory
 * @returns {Promise<string>} the final name, such as `lnd-0.21.3-beta`
 */
export async function installGoPeer(name, directory) {
  const go = await goCommand(name);
  const tags = TAGS[name] === '' ? [] : ['-tags', TAGS[name]];
  // The module files are pinned: a build that would change them has to fail, and so does a Go that would fetch another Go.
  const env = { ...process.env, GOBIN: join(directory, 'bin'), GOTOOLCHAIN: 'local', GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  await run(go, ['install', ...tags, 'tool'], { cwd: moduleDirectory(name), env });
  return `${name}-${goVersion(name)}`;
}

/** @param {string} name */
async function goCommand(name) {
  const least = LEAST_GO.join('.');
  const advice = `install Go ${least} or newer (https://go.dev/dl), or name a ${name} with LNKIT_${name.toUpperCase()}`;
  const candidates = ['go', '/usr/local/go/bin/go'].filter((each) => each === 'go' || existsSync(each));
  let seen = '';
  for (const go of candidates) {
    const text = await run(go, ['version'], { env: { ...process.env, GOTOOLCHAIN: 'local' } }).catch(() => '');
    const version = text.match(/go(\d+)\.(\d+)(?:\.(\d+))?/);
    if (version === null) continue;
    if (isAtLeast(version.slice(1).map((part) => Number(part ?? 0)))) return go;
    seen = text.trim();
  }
  throw new Error(seen === '' ? `Go is missing: ${advice}` : `${seen} is too old: ${advice}`);
}

/** @param {readonly number[]} version */
function isAtLeast(version) {
  for (const [index, least] of LEAST_GO.entries()) {
    const part = version[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
