// `universe serve` as tapd uses it: two tapds that know each other only by it send to addresses of both kinds. And our clients against tapd's own servers.
import { expect, test } from 'vitest';
import { proveTx } from '../../src/asset/proof/tx-merkle.ts';
import { isIncluded, isInMultiverse } from '../../src/asset/universe/tree.ts';
import { type Bytes, fromHex } from '../../src/base/bytes.ts';
import { ok } from '../../src/base/result.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { decodeBlock } from '../../src/bitcoin/block.ts';
import { bip86Script } from '../../src/bitcoin/taproot.ts';
import { formatTxId, txId } from '../../src/bitcoin/tx.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { openMailbox, type RemoteMailbox } from '../../src/io/universe/mailbox.ts';
import type { MailboxMessage, OutPointProof } from '../../src/io/universe/mailbox-contract.ts';
import { openRemoteUniverse } from '../../src/io/universe/remote.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit, RunningCli } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { freePort } from './harness/ports.ts';
import type { Tapd } from './harness/tapd.ts';

/** `lnkit universe serve`, and its place. */
async function serve(lnkit: Lnkit, port: number): Promise<RunningCli> {
  const running = await lnkit.spawn(['universe', 'serve', '--listen', `127.0.0.1:${port}`], { timeoutMs: 600_000 });
  const client = openRemoteUniverse({ host: '127.0.0.1', port }, { timeoutMs: 1_000 });
  await eventually('the universe to be served', async () => (await client.info()).ok);
  client.close();
  return running;
}

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const [alice, bob] = await Promise.all([lab.lnd('alice', { fundSats: 3_000_000 }), lab.lnd('bob', { fundSats: 3_000_000 })]);
  const carol = await lab.lnkit('carol');
  const port = await freePort();
  const at = `127.0.0.1:${port}`;
  const serving = await serve(carol, port);
  const [sender, receiver] = await Promise.all([
    lab.tapd('sender', alice, `universerpc://${at}`),
    lab.tapd('receiver', bob, `universerpc://${at}`),
  ]);
  return { sender, receiver, carol, port, at, serving };
});

interface TapdAsset {
  readonly asset_genesis: { readonly name: string; readonly asset_id: string };
  readonly asset_group: { readonly tweaked_group_key: string } | null;
}
async function mint(tapd: Tapd, name: string, ...flags: readonly string[]): Promise<{ readonly id: string; readonly group: string }> {
  await tapd.cli('assets', 'mint', '--type', 'normal', '--name', name, ...flags);
  await tapd.cli('assets', 'mint', 'finalize');
  await eventually('the minting in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);
  await lab().lab.mine(1);
  const asset = await eventually(`tapd to list ${name}`, async () =>
    (await tapd.cli<{ assets: readonly TapdAsset[] }>('assets', 'list')).assets.find(({ asset_genesis }) => asset_genesis.name === name),
  );
  return { id: asset.asset_genesis.asset_id, group: asset.asset_group?.tweaked_group_key ?? '' };
}
type Roots = Readonly<Record<string, { readonly mssmt_root: { readonly root_hash: string } }>>;
const rootsOf = async (tapd: Tapd): Promise<Roots> => (await tapd.cli<{ universe_roots: Roots }>('universe', 'roots')).universe_roots;

async function send(...flags: readonly string[]): Promise<void> {
  const { sender, lab: network } = lab();
  await eventually('tapd to send', () => sender.cli('assets', 'send', ...flags).then(() => true), { timeoutMs: 30_000 });
  await eventually('the transfer in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
}
async function received(address: string): Promise<void> {
  interface Receives {
    readonly events: readonly { readonly status: string }[];
  }
  await eventually(
    'tapd to have received it',
    async () => {
      const { events } = await lab().receiver.cli<Receives>('addrs', 'receives', '--addr', address);
      return events.some(({ status }) => status === 'ADDR_EVENT_STATUS_COMPLETED');
    },
    { timeoutMs: 90_000 },
  );
}
async function balance(tapd: Tapd, id: string): Promise<number> {
  interface Balance {
    readonly asset_balances: Readonly<Record<string, { readonly balance: string } | undefined>>;
  }
  return Number((await tapd.cli<Balance>('assets', 'balance')).asset_balances[id]?.balance ?? 0);
}
const minted = new Map<string, { readonly id: string; readonly group: string }>();

test('a tapd with us in its federation pushes what it mints, and another one syncs it from us', async () => {
  const { sender, receiver, carol, at } = lab();
  await sender.cli('universe', 'federation', 'add', '--universe_host', at);
  minted.set('coin', await mint(sender, 'coin', '--supply', '1000'));
  minted.set('club', await mint(sender, 'club', '--supply', '500', '--new_grouped_asset'));
  await eventually('both mintings in our universe', async () => {
    const { roots } = await carol.ok<{ roots: readonly { name: string }[] }>('universe', 'roots');
    return ['coin', 'club'].every((name) => roots.some((root) => root.name === name));
  });
  await receiver.cli('universe', 'sync', '--universe_host', at);
  const [theirs, ours] = [await rootsOf(receiver), await rootsOf(sender)];
  expect(Object.keys(ours)).toHaveLength(2);
  expect(
    Object.entries(theirs)
      .map(([name, { mssmt_root: root }]) => [name, root.root_hash])
      .sort(),
  ).toEqual(
    Object.entries(ours)
      .map(([name, { mssmt_root: root }]) => [name, root.root_hash])
      .sort(),
  );
});

test('a tapd sends to an address of version 1 of another, and we carry the proofs', async () => {
  const { receiver, at, carol } = lab();
  const { id } = minted.get('coin') as { id: string };
  const flags = ['--asset_id', id, '--amt', '300', '--address_version', 'v1', '--proof_courier_addr', `universerpc://${at}`];
  const { encoded } = await receiver.cli<{ encoded: string }>('addrs', 'new', ...flags);
  await send('--addr', encoded);
  await received(encoded);
  expect(await balance(receiver, id)).toBe(300);
  const { roots } = await carol.ok<{ roots: readonly { name: string; proof_type: string }[] }>('universe', 'roots');
  expect(roots).toContainEqual(expect.objectContaining({ name: 'coin', proof_type: 'transfer' }));
});

test('a tapd sends to an address of version 2 of another: the notice lies in our mailbox until its receiver removes it', async () => {
  const { receiver, at, port } = lab();
  const { id, group } = minted.get('club') as { id: string; group: string };
  const flags = ['--group_key', group, '--address_version', 'v2', '--proof_courier_addr', `authmailbox+universerpc://${at}`];
  const { encoded } = await receiver.cli<{ encoded: string }>('addrs', 'new', ...flags);
  await send('--addr_with_amount', `${encoded}:70`);
  await received(encoded);
  expect(await balance(receiver, id)).toBe(70);
  const mailbox = openMailbox({ host: '127.0.0.1', port });
  await eventually('the receiver to remove the notice', async () => valid(await mailbox.info()).messages === 0n || undefined);
  mailbox.close();
});

test('our client asks tapd: it is there, its roots and leaves are, and their proofs hold', async () => {
  const { sender } = lab();
  const tapd = openRemoteUniverse({ host: '127.0.0.1', port: sender.ports.rpc });
  const info = valid(await tapd.info());
  expect(valid(await tapd.info())).toEqual(info);
  const roots = valid(await tapd.roots({ offset: 0, limit: 512 }));
  expect(new Set(roots.map(({ assetName }) => assetName))).toEqual(new Set(['coin', 'club']));
  let leaves = 0;
  for (const { id, root } of roots) {
    expect(valid(await tapd.root(id))?.root).toEqual(root);
    const keys = valid(await tapd.leafKeys(id, { offset: 0, limit: 512 }));
    for (const key of keys) {
      const proof = valid(await tapd.query(id, key));
      if (proof === null || proof.multiverseRoot === null) throw new Error('no proof');
      expect(isIncluded({ ...proof, id, root: proof.root.root })).toBe(true);
      const inclusionProof = proof.multiverseInclusionProof as Bytes;
      expect(isInMultiverse({ id, root, multiverseRoot: proof.multiverseRoot, inclusionProof })).toBe(true);
      leaves += 1;
    }
    const nowhere = { outPoint: { txid: new Uint8Array(32), vout: 0 }, scriptKey: secp.publicKey(sha256(Uint8Array.of(1))) };
    expect(await tapd.query(id, nowhere as never)).toEqual(ok(null));
  }
  expect(leaves).toBe(2);
  expect(await tapd.root({ proofType: 'issuance', of: { kind: 'asset', assetId: new Uint8Array(32) } })).toEqual(ok(null));
  // For these tapd wants a macaroon.
  expect([await tapd.stats(), await tapd.multiverseRoot('issuance')]).toMatchObject(
    Array(2).fill({ ok: false, failure: { code: 'REFUSED' } }),
  );
  tapd.close();
});

function valid<T>(result: { ok: true; value: T } | { ok: false; failure: { code: string; message: string } }): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

/** Somebody with a key, and a payment to it in a block. */
async function payment(seed: string): Promise<{ proof: OutPointProof; key: Bytes; sign(digest: Bytes): Bytes }> {
  const { bitcoind } = lab().lab;
  const privateKey = sha256(new TextEncoder().encode(seed));
  const key = secp.publicKey(privateKey);
  const script = bip86Script(key);
  const txid = await bitcoind.sendToAddress(encodeAddress(script, 'regtest') as string, 10_000);
  await lab().lab.confirm(txid);
  const hash = (await bitcoind.rpc<{ blockhash: string }>('getrawtransaction', [txid, 1])).blockhash;
  const { height } = await bitcoind.rpc<{ height: number }>('getblockheader', [hash]);
  const block = decodeBlock(fromHex(await bitcoind.rpc<string>('getblock', [hash, 0])));
  if (!block.ok) throw new Error('no block');
  const ids = block.value.txs.map(txId);
  const index = ids.findIndex((each) => formatTxId(each) === txid);
  const tx = block.value.txs[index];
  if (tx === undefined) throw new Error('not in the block');
  const vout = tx.outputs.findIndex(
    (output) => output.script.every((byte, i) => byte === script[i]) && output.script.length === script.length,
  );
  const proof: OutPointProof = {
    ...{ tx, blockHeader: block.value.header, blockHeight: height, txMerkleProof: proveTx(ids, index) },
    ...{ outPoint: { txid: txId(tx), vout }, internalKey: key, merkleRoot: new Uint8Array(0) },
  };
  return { proof, key, sign: (digest) => secp.schnorrSign(digest, privateKey, new Uint8Array(32)) };
}
async function collect(
  mailbox: RemoteMailbox,
  who: { key: Bytes; sign(digest: Bytes): Bytes },
  count: number,
): Promise<readonly MailboxMessage[]> {
  const got: MailboxMessage[] = [];
  const enough = new AbortController();
  const onMessages = (messages: readonly MailboxMessage[]): void => {
    got.push(...messages);
    if (got.length >= count) enough.abort();
  };
  valid(await mailbox.receive({ receiverKey: who.key, afterId: 0n, sign: who.sign, onMessages, signal: enough.signal }));
  return got;
}

test.each(['tapd', 'lnkit'] as const)(
  'a message goes through the mailbox of %s: paid for, received with a signature, removed',
  async (whose) => {
    const { sender, port } = lab();
    const mailbox = openMailbox({ host: '127.0.0.1', port: whose === 'tapd' ? sender.ports.rpc : port });
    const [paid, other] = [await payment(`${whose} a`), await payment(`${whose} b`)];
    const message = { receiverKey: paid.key, encryptedPayload: new TextEncoder().encode('sealed'), proof: paid.proof };
    const id = await eventually('the mailbox to know the block', async () => {
      const sent = await mailbox.send(message);
      return sent.ok ? sent.value : undefined;
    });
    expect(await mailbox.send(message)).toEqual(ok(id));
    expect(await mailbox.send({ ...message, receiverKey: other.key })).toMatchObject({ ok: false, failure: { code: 'REFUSED' } });
    expect(await mailbox.send({ ...message, proof: { ...other.proof, internalKey: paid.key } })).toMatchObject({ ok: false });
    expect((await collect(mailbox, paid, 1)).map((each) => [each.id, new TextDecoder().decode(each.encryptedPayload)])).toEqual([
      [id, 'sealed'],
    ]);
    const asOther = { receiverKey: paid.key, afterId: 0n, sign: other.sign, onMessages() {}, signal: AbortSignal.timeout(20_000) };
    expect(await mailbox.receive(asOther)).toMatchObject({ ok: false, failure: { code: 'REFUSED' } });
    expect(await mailbox.remove({ receiverKey: paid.key, ids: [id], sign: other.sign })).toMatchObject({ ok: false });
    const before = valid(await mailbox.info()).messages;
    expect(await mailbox.remove({ receiverKey: paid.key, ids: [id], sign: paid.sign })).toEqual(ok(null));
    expect(valid(await mailbox.info()).messages).toBe(before - 1n);
    mailbox.close();
  },
);

test('both are told of the end of the server by its stream, and it starts again where it was', async () => {
  const { serving, carol, port } = lab();
  const mailbox = openMailbox({ host: '127.0.0.1', port });
  const who = {
    key: secp.publicKey(sha256(Uint8Array.of(9))),
    sign: (digest: Bytes) => secp.schnorrSign(digest, sha256(Uint8Array.of(9)), new Uint8Array(32)),
  };
  let signed = false;
  const waiting = mailbox.receive({
    ...{ receiverKey: who.key, afterId: 0n, onMessages() {}, signal: AbortSignal.timeout(30_000) },
    sign(digest) {
      signed = true;
      return who.sign(digest);
    },
  });
  await eventually('the challenge', async () => signed);
  process.kill(serving.pid, 'SIGTERM');
  expect(await waiting).toMatchObject({ ok: false, failure: { code: 'UNREACHABLE' } });
  expect((await serving.result).exitCode).toBe(0);
  const again = await serve(carol, port);
  expect(await mailbox.info()).toMatchObject({ ok: true });
  mailbox.close();
  process.kill(again.pid, 'SIGTERM');
  await again.result;
});
