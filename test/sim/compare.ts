import { type Bytes, equal, toHex } from '../../src/base/bytes.ts';
import { type BytesMap, bytesMap } from '../../src/base/bytes-map.ts';
import { goOffline } from '../../src/bolt/channel/force-close.ts';
import type { NodeState } from '../../src/node/types.ts';

/** Where two states differ in what must outlive the process, or null: what is rebuilt (sessions, reservations, watched scripts) is left out. */
export function durableDifference(a: NodeState, b: NodeState): string | null {
  const [left, right] = [durable(a), durable(b)];
  for (const part of Object.keys(left)) {
    const found = difference(left[part], right[part], part);
    if (found !== null) return found;
  }
  return null;
}

function durable(state: NodeState): Readonly<Record<string, unknown>> {
  // A channel that is being opened is not stored: a restart is a disconnection, and that forgets it. As of others, what the peer has not
  // signed is reversed by one.
  const kept = [...state.channels.entries()].filter(([, channel]) => channel.durable.phase.kind !== 'opening');
  return {
    channels: new Map(kept.map(([key, channel]) => [toHex(key), goOffline(channel).durable])),
    extras: table(state.extras, (extras) => extras),
    payments: table(state.payments, (payment) => payment),
    invoices: table(state.invoices, (invoice) => invoice),
    forwards: table(state.forwards, (forward) => forward),
    // Of a peer that only connected nothing is stored.
    peers: table(
      bytesMap([...state.peers.entries()].filter(([, peer]) => peer.address !== null || peer.wanted || peer.trustedForZeroConf)),
      ({ nodeId, address, trustedForZeroConf, wanted }) => ({ nodeId, address, trustedForZeroConf, wanted }),
    ),
    coins: table(state.wallet.coins, (coin) => coin),
    txs: table(state.wallet.txs, (tx) => tx),
    cursors: state.wallet.cursors,
    cursor: state.cursor,
    nextKeyIndex: state.nextKeyIndex,
  };
}

function table<K extends Bytes, V>(map: BytesMap<K, V>, of: (value: V) => unknown): ReadonlyMap<string, unknown> {
  return new Map([...map.entries()].map(([key, value]) => [toHex(key), of(value)]));
}

/** The path at which two values differ, or null. */
export function difference(a: unknown, b: unknown, path: string): string | null {
  if (Object.is(a, b)) return null;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equal(a, b) ? null : `${path}: ${toHex(a)} is not ${toHex(b)}`;
  if (a instanceof Map && b instanceof Map) {
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      const found = a.has(key) && b.has(key) ? difference(a.get(key), b.get(key), `${path}.${key}`) : `${path}.${key}: on one side only`;
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return `${path}: ${String(a)} is not ${String(b)}`;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = difference((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
