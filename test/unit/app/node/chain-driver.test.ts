import { expect, test } from 'vitest';
import { ChainDriver } from '../../../../src/app/node/chain-driver.ts';
import type { TxId } from '../../../../src/base/ids.ts';
import { ok } from '../../../../src/base/result.ts';
import { height } from '../../../../src/base/units.ts';
import type { Tx } from '../../../../src/bitcoin/tx.ts';
import type { ChainSource } from '../../../../src/io/chain/source.ts';
import type { NodeInput } from '../../../../src/node/types.ts';
import { World } from '../../node/kit.ts';

const tx = (locktime: number): Tx => ({ version: 2, inputs: [], outputs: [], locktime });

function scene(part: Partial<ChainSource>) {
  const node = new World().node('alice');
  const logs: string[] = [];
  const inputs: NodeInput[] = [];
  const source = {
    place: 'a test',
    tip: async () => ok({ height: height(500), hash: node.state.cursor[0]?.hash }),
    feerate: async () => ok(null),
    minFeerate: async () => ok(null),
    mempool: async () => ok([]),
    watchTip: () => () => {},
    close: () => {},
    ...part,
  } as unknown as ChainSource;
  const driver = new ChainDriver({
    source,
    state: () => node.state,
    env: () => node.fullEnv(),
    submit: async (input) => void inputs.push(input),
    log: (_, text) => logs.push(text),
    retryMs: 1,
  });
  return { driver, logs, inputs, node };
}

test('a broadcast that throws does not hold up those behind it', async () => {
  const sent: number[] = [];
  const { driver, logs } = scene({
    broadcast: async ({ locktime }: Tx) => {
      if (locktime === 1) throw new Error('the line is dead');
      sent.push(locktime);
      return ok({ kind: 'accepted' } as const);
    },
  } as Partial<ChainSource>);
  for (const locktime of [0, 1, 2]) driver.publish(tx(locktime), 'sweep');
  await driver.settled();
  expect(sent).toEqual([0, 2]);
  expect(logs.join()).toContain('the line is dead');
});

test('a bug while following the chain delays it and does not end it', async () => {
  let asked = 0;
  let seen = (): void => {};
  const again = new Promise<void>((resolve) => (seen = resolve));
  const { driver, logs, node } = scene({
    tip: async () => {
      if (++asked === 1) throw new Error('planted');
      seen();
      return ok({ height: height(500), hash: node.state.cursor[0]?.hash });
    },
  } as unknown as Partial<ChainSource>);
  driver.goLive();
  await again;
  await driver.stop();
  expect(logs.join()).toContain('planted');
});

test('what has left the mempool is forgotten, and looked at again when it comes back', async () => {
  const id = new Uint8Array(32).fill(7) as TxId;
  let mempool: TxId[] = [id];
  let looked = 0;
  const { driver } = scene({
    mempool: async () => ok(mempool),
    transaction: async () => {
      looked++;
      return ok(null);
    },
  } as unknown as Partial<ChainSource>);
  await driver.searchMempool();
  await driver.searchMempool();
  expect(looked).toBe(1);
  mempool = [];
  await driver.searchMempool();
  mempool = [id];
  await driver.searchMempool();
  expect(looked).toBe(2);
});
