import { expect, test } from 'vitest';
import { concat, equal, toHex } from '../../../src/base/bytes.ts';
import type { CommandId, TxId } from '../../../src/base/ids.ts';
import { feeratePerKw, msat, sat } from '../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../src/bitcoin/network.ts';
import { type Tx, txId } from '../../../src/bitcoin/tx.ts';
import { openChannel, step } from '../../../src/bolt/channel/channel.ts';
import { channelCodec } from '../../../src/bolt/channel/codec.ts';
import { buildRemote, signRemote } from '../../../src/bolt/channel/commit.ts';
import { firstCommitments } from '../../../src/bolt/channel/parameters.ts';
import type { ChannelEffect, ChannelInput } from '../../../src/bolt/channel/types.ts';
import type { Message, MessageNamed } from '../../../src/bolt/wire/message.ts';
import { encodeWith } from '../../../src/codec/codec.ts';
import { type TestNode, World } from './kit.ts';

const openBy = (node: TestNode, to: TestNode): void => {
  node.command({
    ...{ kind: 'open_channel', peer: to.nodeId, capacity: sat(500_000n), pushMsat: msat(0), isPublic: false, zeroConf: false },
    ...{ feerate: null, closeTo: null },
  });
};

/** Alice has a channel with Bob; Mallory is connected to Bob, and what Mallory says goes through `change`. */
function scene(change: (message: Message) => Message) {
  const world = new World();
  const [alice, bob, mallory] = [world.node('alice'), world.node('bob'), world.node('mallory')];
  const channelId = world.open(alice, bob);
  world.connect(mallory, bob);
  world.fund(mallory);
  const act = world.act.bind(world);
  world.act = (node, effect) =>
    act(node, effect.kind === 'send' && node === mallory ? { ...effect, message: change(effect.message) } : effect);
  const stored = (): string => {
    const channel = bob.state.channels.get(channelId);
    return channel === undefined ? 'gone' : toHex(encodeWith(channelCodec, channel));
  };
  return { world, alice, bob, mallory, channelId, before: stored(), stored };
}

test('an opening under the id of another peer’s channel is refused and leaves that channel as it is', () => {
  const scene1 = scene((message) => (message.name === 'open_channel' ? { ...message, temporaryChannelId: scene1.channelId } : message));
  const { world, bob, mallory, channelId, before, stored } = scene1;
  openBy(mallory, bob);
  world.settle();
  expect(stored()).toBe(before);
  world.cut(bob.link(mallory));
  expect(stored()).toBe(before);
  const rows = bob.batches.flatMap((batch) =>
    batch.rows.filter((row) => row.table === 'channel' && row.blob === null && equal(row.key, channelId)),
  );
  expect(rows).toEqual([]);
  expect(bob.state.channels.has(channelId)).toBe(true);
});

test('funding_created with the outpoint of another peer’s channel is refused and leaves that channel as it is', () => {
  const { world, bob, mallory, before, stored } = scene((message) => message);
  const funding = world.published.find(({ label }) => label === 'funding')?.tx as Tx;
  const vout = bob.channels()[0]?.fundingOutpoint?.vout as number;
  const session = bob.session(mallory);
  if (session?.kind !== 'up') throw new Error('not connected');
  // Mallory signs for the transaction of the others, so that nothing but the id is wrong.
  const opened = openChannel(
    {
      ...{ id: 1 as CommandId, peer: bob.nodeId, capacity: sat(1_000_000n), pushMsat: msat(0), isPublic: false, zeroConf: false },
      ...{ scidAlias: true, fundingFeerate: feeratePerKw(1000), commitmentFeerate: feeratePerKw(1000), closeTo: null, keyIndex: 9 },
      ...{ shutdownScript: concat(Uint8Array.of(0, 20), new Uint8Array(20)), chainHash: NETWORK_PARAMS.regtest.chainHash },
      ...{ features: session.features, remoteFeatures: session.features },
    },
    mallory.fullEnv(),
  );
  if (!opened.ok) throw new Error(opened.failure.message);
  let { channel } = opened.value;
  const take = (effects: readonly ChannelEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'send') {
        const message = effect.message.name === 'funding_created' ? resigned(effect.message) : effect.message;
        const answers = bob.step({ kind: 'message', link: bob.link(mallory), peer: mallory.nodeId, message });
        for (const answer of answers) if (answer.kind === 'send') put({ kind: 'message', message: answer.message });
      }
      if (effect.kind === 'fund') {
        const { amount, script } = effect;
        put({ kind: 'funded', tx: { version: 2, inputs: [], outputs: [{ amount, script }], locktime: 0 }, vout: 0 });
      }
    }
  };
  const resigned = (message: MessageNamed<'funding_created'>): Message => {
    const { params, phase } = channel.durable;
    if (phase.kind !== 'opening' || phase.stage !== 'wait_funding_signed') throw new Error(phase.kind);
    const stolen = { ...params, fundingOutpoint: { txid: txId(funding), vout } };
    const { feerate, remotePoint } = phase;
    const zero = new Uint8Array(32) as TxId;
    const draft = firstCommitments(stolen, { feerate, remotePoint, remoteTxid: zero, localTxid: zero, signature: new Uint8Array(64) });
    const built = buildRemote(stolen, draft, { view: 'remote', number: 0n, point: remotePoint });
    const { signature } = signRemote(stolen, built, mallory.fullEnv());
    return { ...message, fundingTxid: txId(funding), fundingOutputIndex: vout, signature };
  };
  const put = (input: ChannelInput): void => {
    const after = step(channel, input, mallory.fullEnv());
    channel = after.channel;
    take(after.effects);
  };
  take(opened.value.effects);
  expect(stored()).toBe(before);
  expect(bob.channels()).toHaveLength(1);
  expect(bob.sent('funding_signed')).toHaveLength(1); // Alice’s
  expect(bob.sent('error')).toHaveLength(1);
});
