// Installs the real peers that the interop suite talks to: node scripts/peers/install.mjs [--locate] [bitcoind] [lnd] [tapd] [aperture]
// A peer named by LNKIT_BITCOIND, LNKIT_LND, LNKIT_TAPD or LNKIT_APERTURE, or found on PATH, is taken as it is. The others go to
// ${XDG_CACHE_HOME:-~/.cache}/lnkit-peers/<name>-<version>/. --locate installs nothing and prints what is there as JSON.
import { join } from 'node:path';
import { installAtomically, locate, PEER_NAMES, withLock } from './cache.mjs';
import { installBitcoind } from './debian.mjs';
import { installGoPeer } from './golang.mjs';
import { run } from './run.mjs';

const args = process.argv.slice(2);
const names = args.filter((each) => !each.startsWith('-'));
const unknown = args.find((each) => each !== '--locate' && !PEER_NAMES.includes(/** @type {any} */ (each)));

if (unknown !== undefined) {
  console.error(`${unknown} is not a peer: use ${PEER_NAMES.join(', ')}`);
  process.exitCode = 2;
} else if (args.includes('--locate')) {
  printLocations(names.length === 0 ? PEER_NAMES : names);
} else {
  await installAll(names.length === 0 ? ['bitcoind', 'lnd'] : names);
}

/** @param {readonly any[]} wanted */
function printLocations(wanted) {
  try {
    console.log(JSON.stringify(Object.fromEntries(wanted.map((name) => [name, locate(name)?.path ?? null]))));
  } catch (error) {
    console.error(`peers: ${/** @type {Error} */ (error).message}`);
    process.exitCode = 1;
  }
}

/** One after the other: each Go build already uses every core. @param {readonly any[]} wanted */
async function installAll(wanted) {
  for (const name of wanted) {
    try {
      const found = locate(name) ?? (await withLock(name, () => install(name)));
      console.log(`peers: ${name} ${found.path} (${found.from})`);
    } catch (error) {
      if (process.exitCode === 130) return console.error('peers: interrupted');
      console.error(`peers: ${name} failed: ${/** @type {Error} */ (error).message}`);
      process.exitCode = 1;
    }
  }
}

/**
 * @param {import('./cache.mjs').PeerName} name
 * @returns {Promise<{ path: string, from: string }>}
 */
async function install(name) {
  // Another run may have finished it while this one waited for the lock.
  const ready = locate(name);
  if (ready !== undefined) return ready;
  const started = Date.now();
  console.log(
    name === 'bitcoind' ? 'peers: fetching bitcoind from Debian sid' : `peers: building ${name}, which takes minutes the first time`,
  );
  const directory = await installAtomically(name, async (temporary) => {
    const target = name === 'bitcoind' ? await installBitcoind(temporary) : await installGoPeer(name, temporary);
    // Only what starts is kept.
    await run(join(temporary, 'bin', name), [name === 'bitcoind' ? '-version' : '--version']);
    return target;
  });
  return { path: join(directory, 'bin', name), from: `installed in ${Math.round((Date.now() - started) / 1000)} s` };
}
