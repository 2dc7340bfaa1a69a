import { expect, test } from 'vitest';
import { reachOf } from '../../../src/app/forms/probe.ts';
import { EMPTY, toHex } from '../../../src/base/bytes.ts';
import type { ShortChannelId } from '../../../src/base/ids.ts';
import { msat } from '../../../src/base/units.ts';
import { Graph } from '../../../src/bolt/route/graph.ts';
import type { BlindedTail } from '../../../src/bolt/route/query.ts';
import { idOf } from '../bolt/route/networks.ts';

const graph = new Graph();
for (const n of [1, 2, 3]) graph.addNode(idOf(n));
const [lsp, other, known, hidden] = [idOf(1), idOf(2), idOf(3), idOf(9)];
/** lnd's first alias. */
const ALIAS = (16_000_000n << 40n) as ShortChannelId;
const REAL = (700_000n << 40n) as ShortChannelId;
const hop = (nodeId: typeof lsp, scid: ShortChannelId) => ({
  nodeId,
  scid,
  feeBaseMsat: 0,
  feeProportionalMillionths: 0,
  cltvExpiryDelta: 40,
});

test('a node that everybody knows is probed to its end, whatever its invoice hints at', () => {
  for (const hints of [[], [[hop(lsp, ALIAS)]]]) expect(reachOf(graph, known, hints)).toEqual({ target: known, hints, limits: [] });
});

test('a hint with an alias only may be an LSP that opens the channel for a payment: the probe ends there and names it', () => {
  const hints = [[hop(hidden, REAL), hop(lsp, ALIAS)], [hop(lsp, (ALIAS + 1n) as ShortChannelId)]];
  const reach = reachOf(graph, hidden, hints);
  expect(reach).toMatchObject({ target: lsp, hints: [], limits: [{ kind: 'lsp', node_id: toHex(lsp) }] });
  expect(reach.limits[0]?.message).toContain('the probe ends there');
});

test('private channels with real names are probed, and told to limit the answer', () => {
  for (const hints of [[[hop(lsp, REAL)]], [[hop(lsp, ALIAS)], [hop(other, ALIAS)]], [[hop(idOf(8), ALIAS)]]])
    expect(reachOf(graph, hidden, hints)).toMatchObject({ target: hidden, hints, limits: [{ kind: 'private_last_hop' }] });
});

test('a blinded tail ends the probe at the introduction point that asks least, even to a node that everybody knows', () => {
  const tail = (nodeId: typeof lsp, part: Partial<BlindedTail> = {}): BlindedTail => ({
    ...{ nodeId, feeBaseMsat: 10, feeProportionalMillionths: 500, cltvExpiryDelta: 80, hops: 2, onionBytes: 400, features: EMPTY },
    ...{ htlcMinimumMsat: msat(1), htlcMaximumMsat: msat(5_000_000) },
    ...part,
  });
  const reach = reachOf(graph, known, [[hop(lsp, REAL)]], [tail(other, { feeBaseMsat: 900 }), tail(lsp)]);
  expect(reach).toMatchObject({ target: lsp, hints: [], limits: [{ kind: 'blinded_tail', node_id: toHex(lsp) }] });
  for (const part of ['the last 2 hops are blinded', '10 msat and 500 millionths', '1 to 5000000 msat', '1 more paths'])
    expect(reach.limits[0]?.message).toContain(part);
});
