import { expect, test } from 'vitest';
import { fromHex } from '../../../src/base/bytes.ts';
import type { BlockHash } from '../../../src/base/ids.ts';
import { height, unixTime } from '../../../src/base/units.ts';
import { hdKeys } from '../../../src/bitcoin/hd.ts';
import { connect, disconnectTip } from '../../../src/node/chain.ts';
import { newDraft } from '../../../src/node/draft.ts';
import { loadState } from '../../../src/node/persist.ts';
import type { NodeEnv } from '../../../src/node/types.ts';

const keys = hdKeys(fromHex('000102030405060708090a0b0c0d0e0f'), 'regtest');
const hashOf = (at: number): BlockHash => new Uint8Array(32).fill(at) as BlockHash;

test('within a step of several blocks the height follows them, so that what may be published after each is known', () => {
  const empty = { channels: [], extras: [], payments: [], invoices: [], forwards: [], peers: [], meta: new Map() };
  const loaded = loadState(empty, { network: 'regtest', keys, walletKeys: keys.wallet });
  if (!loaded.ok) throw new Error(loaded.failure.message);
  const env = { height: height(0), walletKeys: keys.wallet } as NodeEnv;
  const draft = newDraft(loaded.value, env);
  for (const at of [1, 2, 3]) {
    connect(draft, { kind: 'block', height: height(at), hash: hashOf(at), time: unixTime(0), txs: [] });
    expect(draft.env.height).toBe(at);
  }
  disconnectTip(draft, { kind: 'block_disconnected', height: height(3), hash: hashOf(3) });
  expect(draft.env.height).toBe(2);
  expect(env.height).toBe(0);
});
