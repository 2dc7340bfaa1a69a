import { expect, test } from 'vitest';
import { Loop } from '../../../../src/app/node/loop.ts';
import { msat } from '../../../../src/base/units.ts';
import type { Batch } from '../../../../src/node/batch.ts';
import type { NodeCommand, NodeEffect } from '../../../../src/node/types.ts';
import type { Store } from '../../../../src/store/store.ts';
import { World } from '../../node/kit.ts';

const invoice = (description: string): NodeCommand => ({
  ...{ kind: 'create_invoice', amountMsat: msat(1_000), description, expirySeconds: 60, minFinalCltvExpiryDelta: null },
  ...{ privateHints: false, holdHash: null, preimage: null },
});

/** A loop over one node; commits are counted, and held up or refused as a test likes. */
function scene(commit: (batch: Batch) => Promise<void> = () => Promise.resolve()) {
  const node = new World().node('alice');
  const story: string[] = [];
  const effects: NodeEffect[] = [];
  const store = {
    commit: async (batch: Batch) => {
      story.push(`commit of ${batch.rows.length}`);
      await commit(batch);
      story.push('committed');
    },
  } as Store;
  const fatal: Error[] = [];
  const loop = new Loop({
    state: node.state,
    store,
    env: () => node.fullEnv(),
    act: (effect) => {
      story.push(effect.kind);
      effects.push(effect);
    },
    onFatal: (error) => fatal.push(error),
  });
  return { node, loop, story, effects, fatal };
}

const turns = async (count = 5): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('nothing leaves and nothing is answered before the commit is durable', async () => {
  let durable = (): void => {};
  const at = scene(() => new Promise((resolve) => (durable = resolve)));
  const answer = at.loop.command(invoice('one'));
  let answered = false;
  void answer.then(() => (answered = true));
  const peer = new World().node('bob').nodeId;
  at.loop.push({ kind: 'command', id: 99 as never, command: { kind: 'connect_peer', peer, address: { host: 'x', port: 1 } } });
  await turns();
  expect(at.story).toEqual(['commit of 2']);
  expect([answered, at.loop.state.invoices.size]).toEqual([false, 0]);
  durable();
  expect(await answer).toMatchObject({ ok: true, value: { kind: 'invoice' } });
  expect(at.story).toEqual(['commit of 2', 'committed', 'connect']);
});

test('inputs that wait together share a commit', async () => {
  const at = scene();
  await Promise.all(['a', 'b', 'c'].map((text) => at.loop.command(invoice(text))));
  expect(at.story).toEqual(['commit of 3', 'committed']);
});

test('where the commit fails nothing leaves, the state is the old one, and nothing is taken any more', async () => {
  const at = scene(() => Promise.reject(new Error('the disk is full')));
  const before = at.loop.state;
  let answered = false;
  void at.loop.command(invoice('one')).then(() => (answered = true));
  await turns();
  expect(at.fatal.map((error) => error.message)).toEqual(['the disk is full']);
  expect([at.effects, answered]).toEqual([[], false]);
  expect(at.loop.state).toBe(before);
  await at.loop.submit({ kind: 'tick' });
  expect(at.story).toEqual(['commit of 1']);
});

test('a step that throws ends the process as a failed commit does', async () => {
  const at = scene();
  at.loop.push({ kind: 'block', height: 501 as never, hash: new Uint8Array(32) as never, time: 0 as never, txs: null as never });
  await turns();
  expect(at.fatal).toHaveLength(1);
  expect(at.story).toEqual([]);
});

test('at the end all that waited is committed, and nobody waits for ever for what comes after', async () => {
  const at = scene();
  const last = at.loop.command(invoice('one'));
  const stopped = at.loop.stop();
  // It comes while the loop is stopping.
  let late = at.loop.command(invoice('two'));
  await stopped;
  expect([(await last).ok, (await late).ok]).toEqual([true, true]);
  const commits = at.story.length;
  await at.loop.submit({ kind: 'tick' });
  late = at.loop.command(invoice('three'));
  expect(await late).toMatchObject({ ok: false, failure: { code: 'INTERRUPTED' } });
  await at.loop.stop();
  await turns();
  expect(at.story).toHaveLength(commits);
});

test('what is finished leaves the memory after its commit, and those who watch have seen it', async () => {
  const at = scene();
  const made = await at.loop.command(invoice('one'));
  if (!made.ok || made.value.kind !== 'invoice') throw new Error('no invoice');
  const { paymentHash } = made.value.invoice;
  const seen: (string | undefined)[] = [];
  at.loop.watch((state) => seen.push(state.invoices.get(paymentHash)?.state));
  await at.loop.command({ kind: 'cancel_invoice', paymentHash });
  await turns();
  expect(seen).toEqual(['cancelled']);
  expect(at.loop.state.invoices.has(paymentHash)).toBe(false);
});
