// Transfers without addresses against tapd and bitcoind: to keys, as virtual PSBTs that one makes and the other signs, in a transaction that another
// wallet pays and signs, bumped, burnt, and swapped for bitcoin.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAnchorPsbt } from '../../src/app/asset/anchor-file.ts';
import type { Asset } from '../../src/asset/asset.ts';
import { splitAssets } from '../../src/asset/commitment/split.ts';
import { assetId } from '../../src/asset/genesis.ts';
import { encodePsbtMaps, type PsbtMaps } from '../../src/asset/packet/psbt-map.ts';
import { verifyPacket } from '../../src/asset/packet/transition.ts';
import { decodeVirtualPacket, encodeVirtualPacket, type VirtualOutput, type VirtualPacket } from '../../src/asset/packet/virtual-packet.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { TxId } from '../../src/base/ids.ts';
import { sat } from '../../src/base/units.ts';
import { txInput } from '../../src/bitcoin/tx.ts';
import { checkScripts } from '../../src/io/regtest/scripts.ts';
import { exported, exportedByTapd, type Held, newFile, type Sent, tapdVerifies, teach } from './asset-moves.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { fund } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const lnd = await lab.lnd('alice', { fundSats: 2_000_000 });
  const tapd = await lab.tapd('tapd', lnd);
  const [carol, dave] = [await lab.lnkit('carol'), await lab.lnkit('dave')];
  for (const each of [carol, carol, dave]) await fund(lab, each, 600_000);
  await carol.ok('asset', 'mint', '--name', 'beans', '--supply', '1000');
  const minted = await carol.ok<Sent>('asset', 'mint', 'finalize');
  await lab.confirm(minted.txid);
  const path = await exported(lab, carol, 'beans');
  await dave.ok('proof', 'import', path);
  await teach(lab, tapd, path);
  return { tapd, carol, dave };
});

interface Keys {
  readonly script_key: string;
  readonly internal_key: string;
}
interface Packet {
  readonly psbt: string;
  readonly complete: boolean;
}
const amounts = async (lnkit: Lnkit, name = 'beans'): Promise<readonly number[]> =>
  (await lnkit.ok<{ assets: readonly Held[] }>('asset', 'list')).assets
    .filter((each) => each.name === name && each.state === 'confirmed')
    .map(({ amount }) => Number(amount))
    .sort((a, b) => a - b);

/** Asks bitcoind what it thinks of the transaction, and only then sends it: both runs must make the same one, but for a child, which the wallet makes. */
async function accepted<T extends { readonly txid: string; readonly tx: string }>(lnkit: Lnkit, ...words: readonly string[]): Promise<T> {
  const dry = await lnkit.ok<T>(...words, '--dry-run');
  const [verdict] = await lab().lab.bitcoind.rpc<{ allowed: boolean; 'reject-reason'?: string }[]>('testmempoolaccept', [[dry.tx]]);
  expect(verdict, words.join(' ')).toMatchObject({ allowed: true });
  const sent = await lnkit.ok<T>(...words);
  if (!words.includes('cpfp')) expect(sent.tx).toBe(dry.tx);
  return sent;
}
const confirm = (txid: string): Promise<unknown> => lab().lab.confirm(txid);
async function proved(from: Lnkit, scriptKey: string): Promise<string> {
  const { lab: network, tapd } = lab();
  const path = await exported(network, from, 'beans', '--script-key', scriptKey);
  expect(await tapdVerifies(tapd, path)).toBe(true);
  return path;
}
type Transaction = Sent & { readonly tx: string };
const to = ({ script_key, internal_key }: Keys): readonly string[] => ['--script-key', script_key, '--internal-key', internal_key];

async function tapdKeys(): Promise<Keys> {
  const { rest } = lab().tapd;
  const wallet = '/v1/taproot-assets/wallet';
  const script = await rest.call<{ script_key: { pub_key: string } }>('POST', `${wallet}/script-key/next`, { key_family: 212 });
  const internal = await rest.call<{ internal_key: { raw_key_bytes: string } }>('POST', `${wallet}/internal-key/next`, { key_family: 212 });
  const key = script.script_key.pub_key;
  return {
    script_key: key.length === 64 ? `02${key}` : key,
    internal_key: internal.internal_key.raw_key_bytes,
  };
}

test('units go to keys of another lnkit in part, the fee is raised by replacement and by a child, and tapd verifies what was mined', async () => {
  const { carol, dave } = lab();
  const keys = await dave.ok<Keys>('asset', 'keys');
  const sent = await accepted<Transaction>(carol, 'asset', 'send', '--interactive', 'beans', '300', ...to(keys), '--fee-rate', '2');
  const bumped = await accepted<Transaction>(carol, 'asset', 'bump', sent.txid, '--fee-rate', '9');
  expect(await lab().lab.bitcoind.mempool()).toEqual([bumped.txid]);
  const child = await accepted<Transaction>(carol, 'asset', 'bump', bumped.txid, '--fee-rate', '20', '--method', 'cpfp');
  await confirm(child.txid);
  await dave.ok('proof', 'import', await proved(carol, keys.script_key));
  const [change] = (await carol.ok<{ assets: readonly Held[] }>('asset', 'list')).assets;
  await proved(carol, change?.script_key as string);
  expect([await amounts(carol), await amounts(dave)]).toEqual([[700], [300]]);
});

test('all of it goes to keys of tapd and nothing is left behind; tapd takes it in', async () => {
  const { tapd, dave, lab: network } = lab();
  const keys = await tapdKeys();
  const sent = await accepted<Transaction>(dave, 'asset', 'send', '--interactive', 'beans', '300', ...to(keys));
  expect(sent.assets.map(({ state }) => state)).toEqual(['sent']);
  await confirm(sent.txid);
  const path = await proved(dave, keys.script_key);
  await teach(network, tapd, path);
  const id = sent.assets[0]?.asset_id as string;
  const outpoint = { txid: Buffer.from(sent.txid, 'hex').reverse().toString('hex'), output_index: 0 };
  const body = { asset_id: id, script_key: keys.script_key, outpoint };
  await tapd.rest.call('POST', '/v1/taproot-assets/assets/transfers/register', body);
  expect(await tapdUnits(id)).toBe('300');
});
async function tapdUnits(id: string): Promise<string | undefined> {
  type Balance = { readonly asset_balances: Readonly<Record<string, { readonly balance: string }>> };
  return (await lab().tapd.cli<Balance>('assets', 'balance')).asset_balances[id]?.balance;
}

test('a packet of ours is funded, signed, verified and anchored, and tapd verifies its outputs', async () => {
  const { carol, dave } = lab();
  const keys = await dave.ok<Keys>('asset', 'keys');
  const packet = await carol.ok<Packet>('asset', 'psbt', 'fund', 'beans', '50', ...to(keys));
  const signed = await carol.ok<Packet>('asset', 'psbt', 'sign', packet.psbt);
  const sent = await accepted<Transaction>(carol, 'asset', 'psbt', 'anchor', signed.psbt);
  await confirm(sent.txid);
  await dave.ok('proof', 'import', await proved(carol, keys.script_key));
  expect([await amounts(carol), await amounts(dave)]).toEqual([[650], [50]]);
});

/** Mints with tapd, and gives the proof file as tapd exports it. */
async function mintWithTapd(name: string, supply: number): Promise<{ readonly id: string; readonly path: string }> {
  const { tapd, lab: network } = lab();
  await tapd.cli('assets', 'mint', '--name', name, '--type', 'normal', '--supply', `${supply}`);
  await tapd.cli('assets', 'mint', 'finalize');
  await eventually('the minting in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  type Assets = {
    readonly assets: readonly {
      readonly script_key: string;
      readonly asset_genesis: { readonly name: string; readonly asset_id: string };
    }[];
  };
  const asset = await eventually('tapd to list the asset', async () =>
    (await tapd.cli<Assets>('assets', 'list')).assets.find(({ asset_genesis }) => asset_genesis.name === name),
  );
  const { asset_id: id } = asset.asset_genesis;
  return { id, path: await exportedByTapd(network, tapd, id, asset.script_key) };
}

const read = (bytes: Uint8Array): VirtualPacket => {
  const packet = decodeVirtualPacket(bytes);
  if (!packet.ok) throw new Error(packet.failure.message);
  return packet.value;
};
const VIRTUAL = '/v1/taproot-assets/wallet/virtual-psbt';

test('tapd funds a packet to our keys; it is read and written byte for byte; tapd signs the split that we put in its place, and we take the units in', async () => {
  const { tapd, dave, lab: network } = lab();
  const coin = await mintWithTapd('tapcoin', 900);
  await dave.ok('proof', 'import', coin.path);
  const asked = await dave.ok<Packet & { outputs: readonly { script_key: string }[] }>('asset', 'psbt', 'create', coin.id, '200');
  const scriptKey = asked.outputs[0]?.script_key as string;
  const hexadecimal = Buffer.from(asked.psbt, 'base64').toString('hex');
  const { funded_psbt: funded } = await tapd.rest.call<{ funded_psbt: string }>('POST', `${VIRTUAL}/fund`, { psbt: hexadecimal });
  const bytes = fromHex(funded);
  const packet = read(bytes);
  expect(toHex(encodeVirtualPacket(packet))).toBe(toHex(bytes));
  expect(await dave.ok<Packet>('asset', 'psbt', 'show', funded)).toMatchObject({ complete: false, inputs: [{ amount: '900' }] });
  expect(verifyPacket(packet, checkScripts).ok).toBe(false);

  // Another split of the same units, made here: 210 to us.
  const [input] = packet.inputs;
  const asset = input?.asset as Asset;
  const [root, other] = [packet.outputs.find(({ type }) => type === 1), packet.outputs.find(({ type }) => type === 0)] as [
    VirtualOutput,
    VirtualOutput,
  ];
  const locator = ({ scriptKey, assetVersion, anchorOutputIndex }: VirtualOutput, amount: bigint) => ({
    assetId: assetId(asset.genesis),
    amount,
    scriptKey,
    assetVersion,
    outputIndex: Number(anchorOutputIndex),
  });
  const outPoint = input?.prevId.outPoint as NonNullable<typeof input>['prevId']['outPoint'];
  const split = splitAssets({ inputs: [{ asset, outPoint }], root: locator(root, 690n), outputs: [locator(other, 210n)] });
  if (!split.ok) throw new Error(split.failure.message);
  const { rootAsset, rootLeaf, outputs } = split.value;
  const ours: VirtualPacket = {
    ...packet,
    outputs: packet.outputs.map((each) =>
      each === root
        ? { ...each, amount: 690n, asset: rootAsset, splitAsset: rootLeaf }
        : { ...each, amount: 210n, asset: outputs[0]?.asset as Asset },
    ),
  };
  const given = toHex(encodeVirtualPacket(ours));
  const { signed_psbt: signed } = await tapd.rest.call<{ signed_psbt: string }>('POST', `${VIRTUAL}/sign`, { funded_psbt: given });
  const verified = verifyPacket(read(fromHex(signed)), checkScripts);
  expect(verified.ok ? 'valid' : verified.failure.message).toBe('valid');
  await tapd.rest.call('POST', `${VIRTUAL}/anchor`, { virtual_psbts: [signed] });
  await eventually('the transfer in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  const path = await exportedByTapd(network, tapd, coin.id, scriptKey);
  expect(await dave.ok('proof', 'import', path)).toMatchObject({ owned: true, amount: '210' });
  expect(await amounts(dave, 'tapcoin')).toEqual([210]);
});

test("units are split off, swapped for bitcoin between two who do not trust each other, and bumped by the buyer; tapd verifies the new owner's proof", async () => {
  const { carol, dave, lab: network } = lab();
  await confirm((await accepted<Transaction>(carol, 'asset', 'split', 'beans', '100')).txid);
  const offer = newFile(network, 'offer');
  await carol.ok('asset', 'swap', 'offer', 'beans', '100', '70000sat', '--out', offer);
  const before = await carol.ok<{ confirmed_sat: number }>('wallet', 'balance');
  const bought = await accepted<Transaction & { price_sat: number }>(
    dave,
    'asset',
    'swap',
    'accept',
    offer,
    '--max-price',
    '70000sat',
    '--fee-rate',
    '2',
  );
  const bumped = await accepted<Transaction>(dave, 'asset', 'bump', bought.txid, '--fee-rate', '8');
  await confirm(bumped.txid);
  const { assets } = await dave.ok<{ assets: readonly Held[] }>('asset', 'list');
  const own = assets.find(({ amount, state }) => amount === '100' && state === 'confirmed') as Held;
  await proved(dave, own.script_key);
  expect((await carol.ok<{ confirmed_sat: number }>('wallet', 'balance')).confirmed_sat - before.confirmed_sat).toBe(70_000);
  expect([await amounts(carol), await amounts(dave)]).toEqual([[550], [50, 100]]);
});

test('a burn with a note, then a transfer that spends what it left behind: bitcoind takes both, tapd verifies both', async () => {
  const { carol, dave } = lab();
  const burnt = await accepted<Transaction>(carol, 'asset', 'burn', 'beans', '550', '--note', 'eaten');
  await confirm(burnt.txid);
  const ashes = burnt.assets.find(({ state }) => state === 'burnt') as Held;
  await proved(carol, ashes.script_key);
  const keys = await carol.ok<Keys>('asset', 'keys');
  const back = await accepted<Transaction>(dave, 'asset', 'send', '--interactive', 'beans', '150', ...to(keys));
  await confirm(back.txid);
  await carol.ok('proof', 'import', await proved(dave, keys.script_key));
  const again = await dave.ok<Keys>('asset', 'keys');
  // The output with the ashes is an input now.
  const last = await accepted<Transaction>(carol, 'asset', 'send', '--interactive', 'beans', '150', ...to(again));
  expect(last.tx).toContain(Buffer.from(burnt.txid, 'hex').reverse().toString('hex'));
  await confirm(last.txid);
  await dave.ok('proof', 'import', await proved(carol, again.script_key));
  expect([await amounts(carol), await amounts(dave)]).toEqual([[], [150]]);
  expect(await dave.ok('asset', 'verify')).toMatchObject({ valid: true });
});

/** What a wallet that is not ours does to our PSBT: its coin, a payment, its change, and its signature. */
async function paidByBitcoind(psbt: string, to: string, amountSat: number): Promise<string> {
  const { bitcoind } = lab().lab;
  type Coin = { readonly txid: string; readonly vout: number; readonly amount: number; readonly desc: string };
  const [coin] = await bitcoind.rpc<readonly Coin[]>('listunspent', [1]);
  if (coin === undefined) throw new Error('bitcoind has no coin');
  const change = await bitcoind.rpc<string>('getrawchangeaddress', ['bech32m']);
  const scriptOf = async (address: string): Promise<Uint8Array> =>
    fromHex((await bitcoind.rpc<{ scriptPubKey: string }>('validateaddress', [address])).scriptPubKey);
  const maps = readAnchorPsbt(psbt);
  const outputs = [
    { amount: sat(amountSat), script: await scriptOf(to) },
    { amount: sat(Math.round(coin.amount * 1e8) - amountSat - 5_000), script: await scriptOf(change) },
  ];
  const prevout = { txid: fromHex(coin.txid).reverse() as TxId, vout: coin.vout };
  const ours: PsbtMaps = {
    ...maps,
    tx: { ...maps.tx, inputs: [...maps.tx.inputs, txInput(prevout, 0xfffffffd)], outputs: [...maps.tx.outputs, ...outputs] },
    inputs: [...maps.inputs, []],
    outputs: [...maps.outputs, [], []],
  };
  const given = Buffer.from(encodePsbtMaps(ours)).toString('base64');
  const signed = await bitcoind.rpc<{ psbt: string; complete: boolean }>('walletprocesspsbt', [given, true, 'DEFAULT', true, true]);
  expect(signed.complete).toBe(false);
  return signed.psbt;
}

test('units one way and bitcoin the other: another wallet adds its coin, payment and change to our PSBT and signs, we check and publish, tapd verifies', async () => {
  const { carol, dave, lab: network } = lab();
  const keys = await carol.ok<Keys>('asset', 'keys');
  const packet = await dave.ok<Packet>('asset', 'psbt', 'fund', 'beans', '60', ...to(keys));
  const signed = await dave.ok<Packet>('asset', 'psbt', 'sign', packet.psbt);
  const [commitment, anchor] = [newFile(network, 'commitment'), newFile(network, 'anchor')];
  const flags = ['--unfunded', '--out', commitment, '--psbt-out', anchor];
  expect(await dave.ok('asset', 'psbt', 'commit', signed.psbt, ...flags)).toMatchObject({ fee_sat: 0, missing_sat: 1000 });
  const { address } = await dave.ok<{ address: string }>('wallet', 'address');
  const before = await dave.ok<{ confirmed_sat: number }>('wallet', 'balance');
  const returned = await paidByBitcoind(readFileSync(anchor, 'utf8'), address, 30_000);
  const words = ['asset', 'psbt', 'publish', commitment, returned] as const;
  expect((await dave.run(...words, '--receive', '30001sat')).json).toMatchObject({ error: { code: 'OVER_BUDGET' } });
  const sent = await accepted<Transaction>(dave, ...words, '--receive', '30000sat');
  await confirm(sent.txid);
  await carol.ok('proof', 'import', await proved(dave, keys.script_key));
  const { assets } = await dave.ok<{ assets: readonly Held[] }>('asset', 'list');
  await proved(dave, assets.find(({ name, state }) => name === 'beans' && state === 'confirmed')?.script_key as string);
  expect([await amounts(carol), await amounts(dave)]).toEqual([[60], [90]]);
  expect((await dave.ok<{ confirmed_sat: number }>('wallet', 'balance')).confirmed_sat - before.confirmed_sat).toBe(30_000);
});
