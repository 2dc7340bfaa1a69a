// bitcoind comes from Debian sid, unpacked beside the system and run with its own C library: nothing of the system changes.
// The trust runs from the machine's own archive key over the signed release file and the package list to each package's digest.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, runs } from './run.mjs';

const SOURCES = '/etc/apt/sources.list.d/debian.sources';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const APT_HELPER = '/usr/lib/apt/apt-helper';
const LIST = 'main/binary-amd64/Packages.xz';

/** bitcoin-knots and every shared library that its programs load. */
const PACKAGES = [
  ...['bitcoin-knots', 'libevent-core-2.1-7t64', 'libevent-extra-2.1-7t64', 'libevent-pthreads-2.1-7t64', 'libgcc-s1', 'libsqlite3-0'],
  ...['libstdc++6', 'libzmq5', 'libc6', 'libsodium26', 'libpgm-5.3-0t64', 'libnorm1t64', 'libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3'],
  ...['libkrb5support0', 'libcom-err2', 'libkeyutils1', 'libssl3t64', 'libbsd0', 'libmd0', 'zlib1g', 'libzstd1'],
];

/**
 * Unpacks bitcoind and bitcoin-cli into `directory`, with runnable wrappers in `directory/bin`.
 * @param {string} directory an empty directory on the file system that will keep it
 * @returns {Promise<string>} the final name, such as `bitcoind-29.4.knots20260508.3-1`
 */
export async function installBitcoind(directory) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('bitcoind can be installed by itself on 64-bit x86 Linux only: name yours with LNKIT_BITCOIND');
  }
  for (const tool of ['dpkg-deb', 'xz', 'gpgv']) {
    if (!(await runs(tool, ['--version']))) throw new Error(`${tool} is missing: install it, or name a bitcoind with LNKIT_BITCOIND`);
  }
  const base = `${archiveAddress()}/`;
  const downloads = join(directory, 'downloads');
  mkdirSync(downloads);
  const packages = await packageList(base, downloads);
  const wanted = PACKAGES.map((name) => {
    const found = packages.get(name);
    if (found === undefined) throw new Error(`Debian sid has no package ${name} today: name a bitcoind with LNKIT_BITCOIND`);
    return { ...found, file: join(downloads, basename(found.path)) };
  });
  await download(wanted.map((each) => ({ url: base + each.path, file: each.file })));
  for (const each of wanted) {
    checkDigest(each.file, each.sha256);
    await run('dpkg-deb', ['-x', each.file, directory]);
  }
  rmSync(downloads, { recursive: true });
  writeWrappers(directory);
  return `bitcoind-${packages.get('bitcoin-knots')?.version}`;
}

/** The archive that this machine already uses, without a slash at the end. */
function archiveAddress() {
  const text = existsSync(SOURCES) ? readFileSync(SOURCES, 'utf8') : '';
  const address = text.match(/^URIs:\s*(\S+)/m)?.[1] ?? 'http://deb.debian.org/debian';
  return address.replace(/\/+$/, '');
}

/**
 * @param {string} base
 * @param {string} downloads
 * @returns {Promise<Map<string, { version: string, path: string, sha256: string }>>}
 */
async function packageList(base, downloads) {
  const release = join(downloads, 'InRelease');
  const list = join(downloads, 'Packages.xz');
  await download([
    { url: `${base}dists/sid/InRelease`, file: release },
    { url: `${base}dists/sid/${LIST}`, file: list },
  ]);
  if (!existsSync(KEYRING)) throw new Error(`${KEYRING} is missing (package debian-archive-keyring): name a bitcoind with LNKIT_BITCOIND`);
  // gpgv writes the signed text alone: what stands outside the signature in the file counts for nothing.
  const signed = await run('gpgv', ['--keyring', KEYRING, '--output', '-', release]);
  const digest = signed.split('\n').find((line) => /^ [0-9a-f]{64} /.test(line) && line.endsWith(` ${LIST}`));
  if (digest === undefined) throw new Error(`the release file of Debian sid names no digest for ${LIST}`);
  checkDigest(list, digest.trim().split(' ')[0] ?? '');
  const packages = new Map();
  for (const entry of (await run('xz', ['-dc', list])).split('\n\n')) {
    const field = (/** @type {string} */ key) => entry.match(new RegExp(`^${key}: (.+)$`, 'm'))?.[1] ?? '';
    const name = entry.match(/^Package: (.+)$/m)?.[1];
    if (name === undefined || !PACKAGES.includes(name)) continue;
    const found = { version: field('Version').replace(/^\d+:/, ''), path: field('Filename'), sha256: field('SHA256') };
    if (!/^pool\/[\w.+~/-]+\.deb$/.test(found.path) || found.path.includes('..')) throw new Error(`odd path for ${name}: ${found.path}`);
    packages.set(name, found);
  }
  return packages;
}

/**
 * apt's own fetcher, because it knows the machine's proxies and mirrors; curl where apt has none.
 * @param {readonly { url: string, file: string }[]} wanted
 */
async function download(wanted) {
  if (existsSync(APT_HELPER)) {
    const options = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=3'];
    await run(APT_HELPER, [...options, 'download-file', ...wanted.flatMap((each) => [each.url, each.file, ''])]);
    return;
  }
  for (const each of wanted) await run('curl', ['-fsSL', '--retry', '3', '-o', each.file, each.url]);
}

/**
 * @param {string} file
 * @param {string} expected
 */
function checkDigest(file, expected) {
  const actual = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (actual !== expected) throw new Error(`${basename(file)} has SHA256 ${actual}, but Debian signed ${expected}: nothing was installed`);
}

/** @param {string} directory */
function writeWrappers(directory) {
  mkdirSync(join(directory, 'bin'));
  for (const program of ['bitcoind', 'bitcoin-cli']) {
    const path = join(directory, 'bin', program);
    const lines = [
      '#!/bin/sh',
      'prefix=$(cd "$(dirname "$0")/.." && pwd)',
      'libraries=$prefix/usr/lib/x86_64-linux-gnu',
      `exec "$prefix/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$prefix/usr/bin/${program}" "$@"`,
    ];
    writeFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o755);
  }
}
