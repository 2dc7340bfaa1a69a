// Our mailbox as our own client meets it, and what comes to it that pays for nothing or is not its receiver.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { proveTx } from '../../../../src/asset/proof/tx-merkle.ts';
import type { Bytes } from '../../../../src/base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../../../src/base/ids.ts';
import { fail, ok } from '../../../../src/base/result.ts';
import { sat } from '../../../../src/base/units.ts';
import { type BlockHeader, blockHash, hasProofOfWork, merkleRoot } from '../../../../src/bitcoin/block.ts';
import { p2trScript } from '../../../../src/bitcoin/script.ts';
import { taprootOutputKey } from '../../../../src/bitcoin/taproot.ts';
import { type Tx, txId, txInput } from '../../../../src/bitcoin/tx.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { ChainSource } from '../../../../src/io/chain/source.ts';
import { openChannel } from '../../../../src/io/grpc/client.ts';
import { MAX_PAYLOAD, openMailbox, signedDigest } from '../../../../src/io/universe/mailbox.ts';
import type { MailboxMessage, OutPointProof } from '../../../../src/io/universe/mailbox-contract.ts';
import { type MailboxServerOptions, mailboxServer, sweepMailbox } from '../../../../src/io/universe/mailbox-server.ts';
import { type MailboxLimits, MailboxStore } from '../../../../src/io/universe/mailbox-store.ts';
import { codeOf, serve, valid } from './grpc-kit.ts';
import { cleanUp, newPath } from './kit.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  cleanUp();
});

/** A person with a key. */
function person(seed: number) {
  const privateKey = sha256(Uint8Array.of(seed));
  return {
    key: secp.publicKey(privateKey),
    sign: (digest: Bytes): Bytes => secp.schnorrSign(digest, privateKey, new Uint8Array(32)),
  };
}
const [alice, bob] = [person(1), person(2)];
const HEIGHT = 7;

/** A chain of one block of interest, with a payment to `alice` in it. */
function payment(seed = 0, scriptRoot: Bytes | null = null) {
  const output = taprootOutputKey(alice.key.slice(1), scriptRoot)?.key as Bytes;
  const tx: Tx = {
    version: 2,
    inputs: [txInput({ txid: sha256(Uint8Array.of(seed)) as TxId, vout: 0 }, 0xffffffff)],
    outputs: [{ amount: sat(1_000), script: p2trScript(output) }],
    locktime: 0,
  };
  const ids = [sha256(Uint8Array.of(99)) as TxId, txId(tx)];
  const previous = new Uint8Array(32) as BlockHash;
  let blockHeader: BlockHeader = { version: 2, previous, merkleRoot: merkleRoot(ids), time: 1, bits: 0x207fffff, nonce: 0 };
  while (!hasProofOfWork(blockHeader)) blockHeader = { ...blockHeader, nonce: blockHeader.nonce + 1 };
  const proof: OutPointProof = {
    ...{ tx, blockHeader, blockHeight: HEIGHT, txMerkleProof: proveTx(ids, 1) },
    ...{ outPoint: { txid: txId(tx), vout: 0 }, internalKey: alice.key, merkleRoot: scriptRoot ?? new Uint8Array(0) },
  };
  return proof;
}

interface World {
  readonly blocks: Set<string>;
  readonly spent: Set<string>;
  down: boolean;
}
const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');

async function start(options: Partial<MailboxServerOptions> & { readonly limits?: Partial<MailboxLimits> } = {}) {
  const world: World = { blocks: new Set(), spent: new Set(), down: false };
  const unreachable = fail({ code: 'CHAIN_UNREACHABLE', message: 'down', hint: null } as const);
  const chain = {
    blockHash: async (at: number) => (world.down ? unreachable : ok(at === HEIGHT ? here(world) : null)),
    output: async ({ txid }: OutPoint) => ok(world.spent.has(hex(txid)) ? null : {}),
    status: async () => ok({ tip: { height: HEIGHT + 1_000 } }),
  } as unknown as ChainSource;
  const path = join(newPath(), '../mailbox.db');
  const store = new MailboxStore(path, options.limits);
  let now = 1_900_000_000;
  const mailbox = mailboxServer({ store, chain, now: () => now++, ...options });
  const server = await serve([mailbox.service]);
  const client = openMailbox(server.address, { timeoutMs: 5_000 });
  const channel = openChannel('mailbox', server.address, { maxReceive: 1 << 24, timeoutMs: 5_000 });
  open.push(
    () => store.close(),
    () => server.close(),
    () => client.close(),
    () => channel.close(),
  );
  /** Sends a message for a payment that is in the chain. */
  const send = (text: number, proof: OutPointProof = payment(text), receiverKey = alice.key) => {
    world.blocks.add(hex(blockHash(proof.blockHeader)));
    current = proof;
    return client.send({ receiverKey, encryptedPayload: Uint8Array.of(text), proof });
  };
  return { world, store, mailbox, server, client, channel, send, chain, path };
}
let current: OutPointProof | undefined;
const here = (world: World): BlockHash | null => {
  const hash = current === undefined ? null : blockHash(current.blockHeader);
  return hash !== null && world.blocks.has(hex(hash)) ? hash : null;
};

/** What a receiver gets until it has `count` messages. */
async function collect(
  client: ReturnType<typeof openMailbox>,
  count: number,
  who = alice,
  afterId = 0n,
): Promise<readonly MailboxMessage[]> {
  const got: MailboxMessage[] = [];
  const enough = new AbortController();
  const onMessages = (messages: readonly MailboxMessage[]): void => {
    got.push(...messages);
    if (got.length >= count) enough.abort();
  };
  valid(await client.receive({ receiverKey: who.key, afterId, sign: who.sign, onMessages, signal: enough.signal }));
  return got;
}

test('what was left comes to its receiver, in order, and what comes later too', async () => {
  const { client, send } = await start();
  const first = valid(await send(1));
  const second = valid(await send(2, payment(2, sha256(Uint8Array.of(5)))));
  expect(second > first).toBe(true);
  expect((await collect(client, 2)).map(({ id, encryptedPayload }) => [id, encryptedPayload[0]])).toEqual([
    [first, 1],
    [second, 2],
  ]);
  const later = collect(client, 1, alice, second);
  await client.info();
  const third = valid(await send(3));
  expect((await later).map(({ id }) => id)).toEqual([third]);
});

test('many messages, and large ones, come in portions that a gRPC client takes', async () => {
  const { client, store, channel } = await start();
  for (let i = 0; i < 600; i++) {
    const outPoint = { txid: sha256(Uint8Array.of(i, i >> 8)) as TxId, vout: 0 };
    store.add({ receiver: alice.key, payload: new Uint8Array(i < 30 ? MAX_PAYLOAD : 1), outPoint, blockHeight: 1, arrivedAt: 1 });
  }
  expect(await collect(client, 600)).toHaveLength(600);
  const sizes: number[] = [];
  const enough = new AbortController();
  interface Answer {
    readonly challenge?: { readonly challenge_hash: Bytes };
    readonly messages?: { readonly messages: readonly { readonly encrypted_payload: Bytes }[] };
  }
  let count = 0;
  await channel.converse<Answer>({
    method: 'ReceiveMessages',
    first: { init: { receiver_id: alice.key, start_block_height_inclusive: 1 } },
    signal: enough.signal,
    answer({ challenge, messages }, write) {
      if (challenge != null) write({ auth_sig: { signature: alice.sign(signedDigest(Uint8Array.from(challenge.challenge_hash))) } });
      for (const [size, n] of messages == null
        ? []
        : [[messages.messages.reduce((sum, each) => sum + each.encrypted_payload.length, 0), messages.messages.length] as const]) {
        sizes.push(size);
        count += n;
      }
      if (count >= 600) enough.abort();
    },
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
});

test('a message for an outpoint is stored once, also after it was removed, and only for one receiver', async () => {
  const { client, send, store } = await start();
  const id = valid(await send(1));
  expect(valid(await send(1))).toBe(id);
  expect(codeOf(await send(1, payment(1), bob.key))).toBe('REFUSED');
  expect(await client.remove({ receiverKey: alice.key, ids: [id], sign: alice.sign })).toEqual(ok(null));
  expect(store.messages).toBe(0);
  expect(valid(await send(1))).toBe(id);
  expect(store.messages).toBe(0);
});

test('only the receiver gets and removes its messages', async () => {
  const { client, send, store } = await start();
  const id = valid(await send(1));
  const asBob = { receiverKey: alice.key, afterId: 0n, sign: bob.sign, onMessages: () => {}, signal: new AbortController().signal };
  expect(codeOf(await client.receive(asBob))).toBe('REFUSED');
  expect(codeOf(await client.remove({ receiverKey: alice.key, ids: [id], sign: bob.sign }))).toBe('REFUSED');
  expect(await client.remove({ receiverKey: bob.key, ids: [id], sign: bob.sign })).toEqual(ok(null));
  expect(store.messages).toBe(1);
});

test('each stream has a challenge of its own: a signature that was heard opens no other', async () => {
  const { client } = await start();
  const heard: Bytes[] = [];
  const listen = (signal: AbortSignal, sign: (digest: Bytes) => Bytes) =>
    client.receive({ receiverKey: alice.key, afterId: 0n, sign, onMessages: () => {}, signal });
  const first = new AbortController();
  const done = listen(first.signal, (digest) => {
    heard.push(alice.sign(digest));
    setTimeout(() => first.abort(), 50);
    return heard[0] as Bytes;
  });
  expect(codeOf(await done)).toBe('ok');
  expect(codeOf(await listen(new AbortController().signal, () => heard[0] as Bytes))).toBe('REFUSED');
});

const paid = payment(1);
const other = payment(2);
test.each<readonly [string, string, Partial<OutPointProof>]>([
  ['of another transaction', 'INVALID', { outPoint: { txid: other.outPoint.txid, vout: 0 } }],
  ['of an output that is not there', 'INVALID', { outPoint: { txid: paid.outPoint.txid, vout: 1 } }],
  ['of a key that the output does not pay to', 'INVALID', { internalKey: bob.key }],
  ['of a script tree that the output does not have', 'INVALID', { merkleRoot: sha256(Uint8Array.of(1)) }],
  ['whose branch leads elsewhere', 'INVALID', { txMerkleProof: { nodes: [new Uint8Array(32)], bits: [false] } }],
  ['without a branch', 'INVALID', { txMerkleProof: { nodes: [], bits: [] } }],
  ['whose block has no work', 'INVALID', { blockHeader: { ...paid.blockHeader, bits: 0x1d00ffff } }],
  ['without a height', 'INVALID', { blockHeight: 0 }],
  ['at another height', 'UNREACHABLE', { blockHeight: HEIGHT + 1 }],
])('a payment %s buys no message', async (_, code, change) => {
  const { send, store } = await start();
  expect(codeOf(await send(1, { ...paid, ...change }))).toBe(code);
  expect(store.messages).toBe(0);
});

test('a payment in a block that is not in the chain buys no message, and neither does one while the chain is away', async () => {
  const { client, world, send, store } = await start();
  const message = { receiverKey: alice.key, encryptedPayload: Uint8Array.of(1), proof: paid };
  current = undefined;
  expect(codeOf(await client.send(message))).toBe('UNREACHABLE');
  world.down = true;
  expect(codeOf(await send(1))).toBe('UNREACHABLE');
  expect(store.messages).toBe(0);
});

test('a message that is empty, too large, or for no key is refused', async () => {
  const { client, channel } = await start();
  expect(codeOf(await client.send({ receiverKey: alice.key, encryptedPayload: new Uint8Array(0), proof: paid }))).toBe('INVALID');
  expect(codeOf(await client.send({ receiverKey: new Uint8Array(33), encryptedPayload: Uint8Array.of(1), proof: paid }))).toBe('INVALID');
  expect(codeOf(await client.send({ receiverKey: alice.key, encryptedPayload: new Uint8Array(MAX_PAYLOAD + 1), proof: paid }))).toBe(
    'TOO_LARGE',
  );
  const large = { receiver_id: alice.key, encrypted_payload: new Uint8Array(MAX_PAYLOAD + 1) };
  expect(await channel.call('SendMessage', large)).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(await channel.call('SendMessage', { ...large, encrypted_payload: Uint8Array.of(1) })).toMatchObject({ ok: false });
  expect(await channel.call('RemoveMessage', { receiver_id: alice.key, message_ids: [1], signature: new Uint8Array(3) })).toMatchObject({
    ok: false,
  });
});

test('who does not answer the challenge in time, or says something else, is let go', async () => {
  const { channel, server } = await start();
  const hasty = await start({ authTimeoutMs: 100 });
  const talk = (first: object, then: object | null = null, to = channel) =>
    to.converse({
      ...{ method: 'ReceiveMessages', first, signal: new AbortController().signal },
      answer: (_, write) => void (then !== null && write(then)),
    });
  const init = { init: { receiver_id: alice.key } };
  expect(await talk(init, null, hasty.channel)).toMatchObject({ ok: false, failure: { status: 4 } });
  expect(await talk(init, init)).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(await talk(init, { auth_sig: { signature: new Uint8Array(64) } })).toMatchObject({ ok: false, failure: { status: 16 } });
  expect(await talk({ auth_sig: { signature: new Uint8Array(64) } })).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(await talk({})).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(await talk({ init: { receiver_id: new Uint8Array(5_000) } })).toMatchObject({ ok: false, failure: { status: 8 } });
  expect(await talk({ init: { receiver_id: new Uint8Array(33) } })).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(server.bugs).toEqual([]);
});

test('a mailbox has room for so many messages and no more, of one receiver and of all', async () => {
  const { send, client } = await start({ limits: { messages: 3, messagesPerReceiver: 2 } });
  const ids = [valid(await send(1)), valid(await send(2))];
  expect(codeOf(await send(3))).toBe('UNREACHABLE');
  valid(await send(4, payment(4), bob.key));
  expect(codeOf(await send(5, payment(5), person(3).key))).toBe('UNREACHABLE');
  await client.remove({ receiverKey: alice.key, ids, sign: alice.sign });
  expect(codeOf(await send(3))).toBe('ok');
});

test('its messages are there after a restart, for their owner alone to read', async () => {
  const { send, store, path } = await start();
  const id = valid(await send(1));
  const again = new MailboxStore(path);
  expect(again.messages).toBe(1);
  expect(again.find({ receiver: alice.key, afterId: 0n, fromHeight: 0, afterTime: 0 })).toMatchObject([{ id }]);
  again.close();
  expect(store.messages).toBe(1);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('messages whose outputs are spent are forgotten', async () => {
  const { send, store, world, chain } = await start();
  valid(await send(1));
  valid(await send(2));
  world.spent.add(hex(payment(1).outPoint.txid));
  expect(await sweepMailbox({ store, chain, signal: new AbortController().signal })).toBe(1);
  expect(store.messages).toBe(1);
});

test('a server that ends says so to those who wait', async () => {
  const { client, mailbox } = await start();
  const waiting = client.receive({
    ...{ receiverKey: alice.key, afterId: 0n, onMessages: () => {}, signal: new AbortController().signal },
    sign(digest) {
      setTimeout(() => mailbox.close(), 50);
      return alice.sign(digest);
    },
  });
  expect(await waiting).toMatchObject({ ok: false, failure: { code: 'UNREACHABLE' } });
});

test('under one key three streams wait at most, and so many receivers in all', async () => {
  const { client } = await start({ maxReceivers: 4 });
  const stop = new AbortController();
  const wait = (who: typeof alice, signed: () => void = () => {}) => {
    const sign = (digest: Bytes): Bytes => {
      signed();
      return who.sign(digest);
    };
    return client.receive({ receiverKey: who.key, afterId: 0n, onMessages: () => {}, signal: stop.signal, sign });
  };
  const waiting: Promise<unknown>[] = [];
  // The server answers in order: after the next call it has looked at the signature.
  const enter = async (who: typeof alice) => {
    await new Promise<void>((resolve) => waiting.push(wait(who, resolve)));
    await client.info();
  };
  for (const _ of [1, 2, 3]) await enter(alice);
  expect(codeOf(await wait(alice))).toBe('UNREACHABLE');
  await enter(bob);
  expect(codeOf(await wait(person(3)))).toBe('UNREACHABLE');
  stop.abort();
  expect(await Promise.all(waiting)).toEqual(Array(4).fill(ok(null)));
});
