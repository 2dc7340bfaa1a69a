import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type PeerName = 'bitcoind' | 'lnd' | 'tapd' | 'aperture';

const INSTALLER = fileURLToPath(new URL('../../../scripts/peers/install.mjs', import.meta.url));

let found: Readonly<Record<PeerName, string | null>> | undefined;

/** The binaries that are there: named by LNKIT_BITCOIND and so on, on PATH, or installed by scripts/peers/install.mjs. */
function locations(): Readonly<Record<PeerName, string | null>> {
  found ??= JSON.parse(execFileSync(process.execPath, [INSTALLER, '--locate'], { encoding: 'utf8' })) as Record<PeerName, string | null>;
  return found;
}

/** @throws Error when the peer is not installed */
export function peerBinary(name: PeerName): string {
  const path = locations()[name];
  if (path === null) throw new Error(missingPeers([name]));
  return path;
}

/** What is missing and how to get it, or undefined when every peer is there. */
export function missingPeers(names: readonly PeerName[]): string | undefined;
export function missingPeers(names: readonly [PeerName]): string;
export function missingPeers(names: readonly PeerName[]): string | undefined {
  const missing = names.filter((name) => locations()[name] === null);
  if (missing.length === 0) return undefined;
  return `${missing.join(' and ')} not installed: run "node scripts/peers/install.mjs ${names.join(' ')}"`;
}

/** LNKIT_REQUIRE_PEERS=1 turns a missing peer from a skip into a failure. */
export const peersRequired = (): boolean => process.env['LNKIT_REQUIRE_PEERS'] === '1';
