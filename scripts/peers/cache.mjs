// Where the real peers live: named by the environment, found on PATH, or installed into a cache outside the checkout.
// Plain JavaScript, because it also has to start under a Node that cannot strip types (before the first `npm ci`).
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @typedef {'bitcoind' | 'lnd' | 'tapd' | 'aperture'} PeerName */

/** The Go module whose version names a peer's cache directory; bitcoind is a Debian package and has none. */
const GO_MODULES = {
  lnd: 'github.com/lightningnetwork/lnd',
  tapd: 'github.com/lightninglabs/taproot-assets',
  aperture: 'github.com/lightninglabs/aperture',
};

/** @type {readonly PeerName[]} */
export const PEER_NAMES = ['bitcoind', 'lnd', 'tapd', 'aperture'];

export const cacheRoot = () => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'lnkit-peers');

/** The folder that holds a Go peer's go.mod and go.sum. @param {string} name */
export const moduleDirectory = (name) => join(dirname(fileURLToPath(import.meta.url)), name);

/** The variable that names a peer's binary. @param {string} name */
export const environmentName = (name) => `LNKIT_${name.toUpperCase()}`;

/**
 * The version that a Go peer's go.mod asks for, without the leading v.
 * @param {keyof typeof GO_MODULES} name
 * @returns {string}
 */
export function goVersion(name) {
  const text = readFileSync(join(moduleDirectory(name), 'go.mod'), 'utf8');
  const line = text.split('\n').find((each) =>
    each
      .replace(/^require/, '')
      .trim()
      .startsWith(`${GO_MODULES[name]} v`),
  );
  const version = line?.match(/ v(\S+)/)?.[1];
  if (version === undefined) throw new Error(`scripts/peers/${name}/go.mod names no version of ${GO_MODULES[name]}`);
  return version;
}

/**
 * Finds a peer without installing anything.
 * @param {PeerName} name
 * @returns {{ path: string, from: 'environment' | 'PATH' | 'cache' } | undefined} the binary and where it came from
 * @throws {Error} when the environment names a file that cannot be run: silently using another one would test the wrong peer
 */
export function locate(name) {
  const named = process.env[environmentName(name)];
  if (named) {
    const path = isAbsolute(named) ? named : resolve(named);
    if (!isExecutable(path)) throw new Error(`${environmentName(name)}=${named} is not an executable file`);
    return { path, from: 'environment' };
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && isExecutable(join(folder, name))) return { path: resolve(folder, name), from: 'PATH' };
  }
  const directory = cachedDirectory(name);
  if (directory === undefined) return undefined;
  const path = join(directory, 'bin', name);
  return isExecutable(path) ? { path, from: 'cache' } : undefined;
}

/**
 * A finished installation appears under its own name by one rename, so a directory that exists is complete.
 * @param {PeerName} name
 */
function cachedDirectory(name) {
  const root = cacheRoot();
  if (name !== 'bitcoind') {
    const directory = join(root, `${name}-${goVersion(name)}`);
    return existsSync(directory) ? directory : undefined;
  }
  // Debian's sid moves on by itself: whichever version was installed last is the one to use.
  const versions = existsSync(root) ? readdirSync(root).filter((each) => each.startsWith('bitcoind-')) : [];
  const newest = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest === undefined ? undefined : join(root, newest);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Fills a temporary directory and moves it to its final name in one step.
 * @param {string} label names the temporary directory
 * @param {(directory: string) => Promise<string>} fill returns the final name below the cache root, such as `lnd-0.21.3-beta`
 * @returns {Promise<string>} the final directory
 */
export async function installAtomically(label, fill) {
  const root = cacheRoot();
  mkdirSync(root, { recursive: true });
  // The caller holds the peer's lock, so what another installer left here is from one that was killed.
  for (const left of readdirSync(root))
    if (left.startsWith(`.installing-${label}-`)) rmSync(join(root, left), { recursive: true, force: true });
  const temporary = mkdtempSync(join(root, `.installing-${label}-`));
  try {
    const target = join(root, await fill(temporary));
    // Left from an earlier installation whose binary is gone: locate() already refused it.
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
    return target;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * Runs `action` while holding the peer's lock, waiting for another installer that holds it. The kernel holds the lock for a
 * helper process which ends when this one does, however that happens, so a crash leaves no stale lock behind.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withLock(name, action) {
  const root = cacheRoot();
  mkdirSync(root, { recursive: true });
  const holder = spawn('flock', [join(root, `.${name}.lock`), 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((done) => holder.once('close', done));
  const refused = new Promise((_, reject) => {
    holder.once('error', () => reject(new Error(`flock (package util-linux) is missing: name a ${name} with ${environmentName(name)}`)));
    holder.once('close', () => reject(new Error(`cannot lock ${root}/.${name}.lock`)));
  });
  refused.catch(() => {}); // it also ends in the good case, when nobody listens any more
  await Promise.race([new Promise((done) => holder.stdout.once('data', done)), refused]);
  try {
    return await action();
  } finally {
    holder.stdin.on('error', () => {});
    holder.stdin.end();
    await ended;
  }
}
