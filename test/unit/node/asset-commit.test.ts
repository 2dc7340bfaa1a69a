// A transaction of assets that others add to and sign: what left, what came back, and everything that a hostile other could have changed in between.
import { expect, test } from 'vitest';
import { spentOutput } from '../../../src/asset/packet/anchor-psbt.ts';
import { decodePsbtMaps, encodePsbtMaps, entryValue, type PsbtEntry, type PsbtMaps } from '../../../src/asset/packet/psbt-map.ts';
import { verifyPacket } from '../../../src/asset/packet/transition.ts';
import type { VirtualPacket } from '../../../src/asset/packet/virtual-packet.ts';
import { type Bytes, concat } from '../../../src/base/bytes.ts';
import type { OutPoint, TxId } from '../../../src/base/ids.ts';
import { feeratePerKw, height, sat } from '../../../src/base/units.ts';
import { parsePsbt, signPsbt } from '../../../src/bitcoin/psbt.ts';
import { p2trScript } from '../../../src/bitcoin/script.ts';
import { signP2trInput } from '../../../src/bitcoin/sign.ts';
import { xOnly } from '../../../src/bitcoin/taproot.ts';
import { equalOutPoint, type TxOutput, txInput } from '../../../src/bitcoin/tx.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import type { Committed } from '../../../src/node/asset/commit-packets.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import { balance, spendable } from '../../../src/node/wallet/coins.ts';
import type { Coin } from '../../../src/node/wallet/types.ts';
import { newScript } from '../../../src/node/wallet/wallet.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const PRICE = 20_000n;
type Packets = readonly [VirtualPacket, ...VirtualPacket[]];
interface Deal {
  readonly chain: AssetChain;
  readonly alice: AssetNode;
  readonly bob: AssetNode;
  readonly committed: Committed;
  readonly packets: Packets;
}

/** Alice has signed 300 of 1000 units over to Bob's keys, a collectible stands beside them, and the transaction is with Bob. */
function deal(part: { readonly funded: boolean; readonly leaseSeconds?: number }): Deal {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(4);
  bob.fund(2);
  for (const each of [seedling('coin', 1000n), seedling('rare', 1n, { type: 1 })])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  for (const holding of holdings) bob.receive(alice.file(holding));
  const { assetId } = (holdings[0] as Holding).facts;
  const { keys } = bob.told({ kind: 'new_keys' }, 'asset_keys');
  const rest = { place: 0, sibling: null, script: null, interactive: true, delivery: null, own: null, assetVersion: 0 } as const;
  const { scriptKey, internalKey } = keys;
  const payouts = [{ kind: 'send', assetId, amount: 300n, scriptKey, internalKey, ...rest }] as const;
  const { packet } = alice.told({ kind: 'fund_packet', request: { payouts, leaseSeconds: 600 } }, 'asset_packet');
  const signed = alice.told({ kind: 'sign_packet', packet, openHashTypes: false }, 'asset_packet').packet;
  const { leaseSeconds = 600 } = part;
  const what = { kind: 'commit_packets', packets: [signed], funded: part.funded, feerate: null, leaseSeconds } as const;
  const { committed } = alice.told(what, 'asset_commitment');
  return { chain, alice, bob, committed, packets: [signed, ...committed.passive] };
}

const KEY_SIG = 0x13;
const entry = (type: number, value: Bytes): PsbtEntry => ({ key: Uint8Array.of(type), value });
const coinOf = (node: AssetNode): Coin => spendable(node.state.wallet, height(node.chain.blocks.length)).confirmed[0] as Coin;

interface Answer {
  readonly psbt: PsbtMaps;
  readonly foreign: readonly { readonly outPoint: OutPoint; readonly output: TxOutput }[];
}
interface Change {
  /** Of the transaction, before Bob signs. */
  readonly before?: (psbt: PsbtMaps) => PsbtMaps;
  readonly hashType?: number;
  readonly price?: bigint;
}
/** Bob brings a coin, pays the price to Alice, takes his change, and signs. */
function answered({ alice, bob, committed }: Deal, { before = (psbt) => psbt, hashType = 0, price = PRICE }: Change = {}): Answer {
  const coin = coinOf(bob);
  const payment = newScript(alice.state.wallet, alice.keys.wallet);
  alice.state = { ...alice.state, wallet: payment.wallet };
  const change = newScript(bob.state.wallet, bob.keys.wallet);
  const { psbt } = committed;
  const outputs = [
    ...psbt.tx.outputs,
    { amount: sat(price), script: payment.script },
    { amount: sat(coin.output.amount - price - 3_000n), script: change.script },
  ];
  const internal = entry(0x05, xOnly(bob.keys.wallet.publicKey(change.path)));
  const unsigned = before({
    ...psbt,
    tx: { ...psbt.tx, inputs: [...psbt.tx.inputs, txInput(coin.outpoint, 0xfffffffd)], outputs },
    inputs: [...psbt.inputs, []],
    outputs: [...psbt.outputs, [], [internal]],
  });
  const index = psbt.tx.inputs.length;
  const prevouts = [
    ...psbt.inputs.map((map) => spentOutput(map) as TxOutput),
    coin.output,
    ...unsigned.inputs.slice(index + 1).map(() => coin.output),
  ];
  const privateKey = bob.keys.wallet.privateKey(coin.path);
  const [signature] = signP2trInput({ tx: unsigned.tx, index, prevouts, privateKey, hashType });
  const inputs = unsigned.inputs.map((map, i) => (i === index ? [...map, entry(KEY_SIG, signature as Bytes)] : map));
  return { psbt: { ...unsigned, inputs }, foreign: [{ outPoint: coin.outpoint, output: coin.output }] };
}

const reread = (psbt: PsbtMaps): PsbtMaps => {
  const read = decodePsbtMaps(encodePsbtMaps(psbt));
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
};
/** As `asset psbt publish` does: what the script interpreter refuses is taken in by nobody. */
function publish({ alice, committed, packets }: Deal, { psbt, foreign }: Answer, maxCostSat: bigint | null = -PRICE): string {
  for (const each of packets) if (!verifyPacket(each, checkScripts).ok) return 'INVALID_PACKET';
  const parts = {
    kind: 'publish_packets',
    packets,
    committed: committed.psbt.tx,
    returned: reread(psbt),
    foreign,
    maxCostSat,
    note: null,
  } as const;
  const kept = () => [alice.assets.anchors, alice.assets.holdings, alice.assets.nextKeyIndex, alice.state.wallet];
  const before = kept();
  const dry = alice.ask({ ...parts, dryRun: true });
  expect(kept()).toEqual(before);
  if (typeof dry === 'string' || dry.kind !== 'asset_anchor') return typeof dry === 'string' ? dry : dry.kind;
  const { tx } = dry.anchor;
  const spent = tx.inputs.map(({ prevout }) => {
    const index = committed.psbt.tx.inputs.findIndex((each) => equalOutPoint(each.prevout, prevout));
    return (foreign.find((each) => equalOutPoint(each.outPoint, prevout))?.output ??
      spentOutput(committed.psbt.inputs[index] ?? [])) as TxOutput;
  });
  if (checkScripts(tx, spent) !== null) return 'BAD_SIGNATURE';
  alice.told({ ...parts, dryRun: false }, 'asset_anchor');
  return 'published';
}
const sentBy = (node: AssetNode, amount: bigint): Holding =>
  [...node.assets.holdings.values()].find((each) => each.facts.amount === amount && holdingState(node.assets, each) === 'sent') as Holding;
const confirmedSat = (node: AssetNode): bigint => balance(node.state.wallet, height(node.chain.blocks.length)).confirmed;

test('two parties in one transaction: units one way, bitcoin the other; the fee is of him who brought the coin, and every proof verifies', () => {
  const made = deal({ funded: false });
  const { chain, alice, bob } = made;
  const [hers, his] = [confirmedSat(alice), confirmedSat(bob)];
  expect(publish(made, answered(made))).toBe('published');
  expect(alice.assets.leases).toEqual([]);
  // Bob could still spend his coin otherwise: the payment is not relied on before a block has it.
  expect(spendable(alice.state.wallet, height(chain.blocks.length)).trusted).toEqual([]);
  const pending = [...alice.assets.anchors.values()].find(({ block }) => block === null)?.txid as TxId;
  expect(alice.ask({ kind: 'bump_anchor', txid: pending, feerate: feeratePerKw(4000), dryRun: true })).toBe('POLICY');
  chain.mine();
  expect(bob.receive(alice.file(sentBy(alice, 300n)))?.facts.amount).toBe(300n);
  expect([alice.amounts(), bob.amounts()]).toEqual([[1n, 700n], [300n]]);
  expect([confirmedSat(alice) - hers, confirmedSat(bob) - his]).toEqual([PRICE, -PRICE - 3_000n]);
  for (const holding of alice.free()) bob.verified(alice.file(holding));
  // And onward from both.
  expect(typeof bob.send(alice.address((bob.free()[0] as Holding).facts.assetId, 300n))).toBe('object');
});

test('a transaction that we pay comes back as it left: it is signed, published, and its fee can be raised', () => {
  const made = deal({ funded: true });
  const { chain, alice, bob, committed } = made;
  expect(publish(made, { psbt: committed.psbt, foreign: [] }, null)).toBe('published');
  const anchor = [...alice.assets.anchors.values()].find(({ block }) => block === null);
  expect(anchor?.tx.outputs).toEqual(committed.psbt.tx.outputs);
  expect(anchor?.feeSat).toBeGreaterThan(0n);
  const bump = { kind: 'bump_anchor', txid: anchor?.txid as TxId, feerate: feeratePerKw(4000), dryRun: false } as const;
  const higher = alice.told(bump, 'asset_anchor').anchor;
  expect(higher.feeSat).toBeGreaterThan(anchor?.feeSat as bigint);
  chain.mempool = [higher.tx];
  chain.mine();
  expect(bob.receive(alice.file(sentBy(alice, 300n)))?.facts.amount).toBe(300n);
  expect(alice.amounts()).toEqual([1n, 700n]);
});

test('the PSBT has what a signing device looks for (BIP 371): it signs our coin by the way to its key, and knows the change', () => {
  const { alice, committed } = deal({ funded: true });
  const { tx, inputs, outputs } = committed.psbt;
  const bytes = encodePsbtMaps(committed.psbt);
  const view = parsePsbt(bytes);
  if (!view.ok) throw new Error(view.failure.message);
  expect([view.value.inputs.length, view.value.isComplete]).toEqual([tx.inputs.length, false]);
  expect(view.value.fee).toBeGreaterThan(0n);
  const pathOf = ({ output }: { readonly output: TxOutput }) => alice.state.wallet.scripts.get(output.script) ?? null;
  expect(signPsbt(bytes, { keys: alice.keys.wallet, pathOf })).toMatchObject({ ok: true, value: { signed: [1] } });
  // The output with assets spent: its internal key, the root of its script tree, and the way to the key.
  expect(inputs[0]?.map(({ key }) => key[0])).toEqual([0x01, 0x16, 0x17, 0x18]);
  // Ours: its script is the commitment and nothing else. Bob's: the key that he gave.
  expect(outputs.map((map) => map.map(({ key }) => key[0]))).toEqual([
    [0x07, 0x05, 0x06],
    [0x05, 0x06],
    [0x07, 0x05],
  ]);
});

test('between commit and publish: a crash loses nothing, no coin and no key is used otherwise, and the same can be published after it', () => {
  const made = deal({ funded: true });
  const { alice, bob, committed } = made;
  const keys = alice.assets.nextKeyIndex;
  alice.restart();
  expect([alice.assets.nextKeyIndex, alice.assets.leases.length, alice.amounts()]).toEqual([keys, committed.psbt.tx.inputs.length, []]);
  const script = newScript(bob.state.wallet, bob.keys.wallet).script;
  const feerate = alice.env().feerates.normal;
  const send = { kind: 'send_coins', outputs: [{ script, amount: null }], feerate, dryRun: true } as const;
  const [reply] = alice.step({ kind: 'command', id: 999 as never, command: send }).filter(({ kind }) => kind === 'reply');
  const spent = reply?.kind === 'reply' && reply.result.ok && reply.result.value.kind === 'transaction' ? reply.result.value.tx.inputs : [];
  expect(spent.length).toBeGreaterThan(0);
  for (const { prevout } of spent) expect(committed.psbt.tx.inputs.some((each) => equalOutPoint(each.prevout, prevout))).toBe(false);
  expect(publish(made, { psbt: committed.psbt, foreign: [] }, null)).toBe('published');
  alice.restart();
  expect(publish(made, { psbt: committed.psbt, foreign: [] }, null)).toBe('POLICY');
});

const outputAt = (psbt: PsbtMaps, index: number, change: (output: TxOutput) => TxOutput): PsbtMaps => ({
  ...psbt,
  tx: { ...psbt.tx, outputs: psbt.tx.outputs.map((each, i) => (i === index ? change(each) : each)) },
});
const inputMap = (psbt: PsbtMaps, index: number, change: (map: readonly PsbtEntry[]) => readonly PsbtEntry[]): PsbtMaps => ({
  ...psbt,
  inputs: psbt.inputs.map((map, i) => (i === index ? change(map) : map)),
});
const added = (psbt: PsbtMaps, output: TxOutput, map: readonly PsbtEntry[] = []): PsbtMaps => ({
  ...psbt,
  tx: { ...psbt.tx, outputs: [...psbt.tx.outputs, output] },
  outputs: [...psbt.outputs, map],
});
const thief = p2trScript(new Uint8Array(32).fill(2));
const less = (amount: bigint) => (output: TxOutput) => ({ ...output, amount: sat(output.amount - amount) });
const at = (deal: Deal): number => deal.committed.psbt.tx.outputs.length;

const hostile: readonly (readonly [string, string, (deal: Deal) => Answer])[] = [
  [
    'the script of our assets',
    'POLICY',
    (d) => answered(d, { before: (psbt) => outputAt(psbt, 0, (each) => ({ ...each, script: thief })) }),
  ],
  ['the bitcoin under our assets', 'POLICY', (d) => answered(d, { before: (psbt) => outputAt(psbt, 0, less(400n)) })],
  [
    'the order of the outputs',
    'POLICY',
    (d) => answered(d, { before: (psbt) => ({ ...psbt, tx: { ...psbt.tx, outputs: psbt.tx.outputs.toReversed() } }) }),
  ],
  ['the price', 'OVER_BUDGET', (d) => answered(d, { price: PRICE - 1n })],
  ['the payee', 'POLICY', (d) => answered(d, { before: (psbt) => outputAt(psbt, at(d), (each) => ({ ...each, script: thief })) })],
  [
    'the payee, a key hash',
    'OVER_BUDGET',
    (d) =>
      answered(d, {
        before: (psbt) => outputAt(psbt, at(d), (each) => ({ ...each, script: concat(Uint8Array.of(0, 20), thief.subarray(2, 22)) })),
      }),
  ],
  [
    'an output that nobody shows to hold no asset',
    'POLICY',
    (d) => answered(d, { before: (psbt) => added(psbt, { amount: sat(600n), script: thief }) }),
  ],
  [
    'an output whose script tree may hold assets',
    'POLICY',
    (d) =>
      answered(d, {
        before: (psbt) => added(psbt, { amount: sat(600n), script: psbt.tx.outputs[1]?.script as Bytes }, psbt.outputs[1]),
      }),
  ],
  [
    'another output under the same key without its script tree',
    'POLICY',
    (d) =>
      answered(d, {
        before: (psbt) =>
          added(psbt, { amount: sat(600n), script: psbt.tx.outputs[1]?.script as Bytes }, [
            entry(0x05, entryValue(psbt.outputs[1] ?? [], 0x05) as Bytes),
          ]),
      }),
  ],
  [
    'an output of dust',
    'POLICY',
    (d) => answered(d, { before: (psbt) => outputAt(psbt, at(d) + 1, (each) => ({ ...each, amount: sat(1n) })) }),
  ],
  [
    'the input with our assets left out',
    'POLICY',
    (d) => {
      const { psbt, foreign } = answered(d);
      return { psbt: { ...psbt, tx: { ...psbt.tx, inputs: psbt.tx.inputs.slice(1) }, inputs: psbt.inputs.slice(1) }, foreign };
    },
  ],
  [
    'a coin of ours as an input that was not promised',
    'POLICY',
    (d) => {
      const { psbt, foreign } = answered(d);
      const coin = coinOf(d.alice);
      const inputs = [...psbt.tx.inputs, txInput(coin.outpoint, 0xfffffffd)];
      return { psbt: { ...psbt, tx: { ...psbt.tx, inputs }, inputs: [...psbt.inputs, []] }, foreign };
    },
  ],
  [
    'an input twice',
    'MALFORMED',
    (d) => {
      const { psbt, foreign } = answered(d);
      const inputs = [...psbt.tx.inputs, ...psbt.tx.inputs.slice(0, 1)];
      return { psbt: { ...psbt, tx: { ...psbt.tx, inputs }, inputs: [...psbt.inputs, []] }, foreign };
    },
  ],
  ['an input that the chain does not know', 'POLICY', (d) => ({ ...answered(d), foreign: [] })],
  [
    'an input whose amount is a lie',
    'BAD_SIGNATURE',
    (d) => {
      const { psbt, foreign } = answered(d);
      return {
        psbt,
        foreign: foreign.map(({ outPoint, output }) => ({ outPoint, output: { ...output, amount: sat(output.amount + 1n) } })),
      };
    },
  ],
  ['a lock time', 'POLICY', (d) => answered(d, { before: (psbt) => ({ ...psbt, tx: { ...psbt.tx, locktime: 1_000_000 } }) })],
  [
    'a relative lock',
    'POLICY',
    (d) =>
      answered(d, {
        before: (psbt) => ({ ...psbt, tx: { ...psbt.tx, inputs: psbt.tx.inputs.map((each) => ({ ...each, sequence: 144 })) } }),
      }),
  ],
  [
    'a fee without measure',
    'POLICY',
    (d) => answered(d, { before: (psbt) => outputAt(psbt, at(d) + 1, (each) => ({ ...each, amount: sat(each.amount + 4_000n) })) }),
  ],
  ['a signature that binds nothing (NONE)', 'POLICY', (d) => answered(d, { hashType: 2 })],
  ['a signature that lets others add (ANYONECANPAY)', 'POLICY', (d) => answered(d, { hashType: 0x81 })],
  [
    'a wish for a signature of ours that binds nothing',
    'POLICY',
    (d) => {
      const { psbt, foreign } = answered(d);
      return { psbt: inputMap(psbt, 0, (map) => [...map, entry(0x03, Uint8Array.of(0x82, 0, 0, 0))]), foreign };
    },
  ],
  [
    'no signature of theirs',
    'BAD_SIGNATURE',
    (d) => {
      const { psbt, foreign } = answered(d);
      return { psbt: inputMap(psbt, d.committed.psbt.tx.inputs.length, () => []), foreign };
    },
  ],
  [
    'an output changed after they signed',
    'BAD_SIGNATURE',
    (d) => {
      const { psbt, foreign } = answered(d);
      return { psbt: outputAt(psbt, at(d) + 1, less(1n)), foreign };
    },
  ],
  [
    'a witness in the place of their signature',
    'BAD_SIGNATURE',
    (d) => {
      const { psbt, foreign } = answered(d);
      const witness = entry(0x08, concat(Uint8Array.of(1, 64), new Uint8Array(64).fill(9)));
      return { psbt: inputMap(psbt, d.committed.psbt.tx.inputs.length, () => [witness]), foreign };
    },
  ],
  [
    'a witness that claims to be endless',
    'MALFORMED',
    (d) => {
      const { psbt, foreign } = answered(d);
      const witness = entry(0x08, Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x7f));
      return { psbt: inputMap(psbt, d.committed.psbt.tx.inputs.length, () => [witness]), foreign };
    },
  ],
];
test.each(hostile)('what comes back with %s changed is refused (%s), and nothing is signed or stored', (_, code, change) => {
  const made = deal({ funded: false });
  const answer = change(made);
  const before = made.alice.state;
  expect(publish(made, answer)).toBe(code);
  expect([made.alice.state.assets.anchors, made.alice.state.assets.leases]).toEqual([before.assets.anchors, before.assets.leases]);
  // What was offered in good faith still goes through.
  expect(publish(made, answered(made))).toBe('published');
});

test('our own change and coins: less change, or a coin taken out, is refused; what we agree to pay is paid', () => {
  const made = deal({ funded: true });
  const { psbt } = made.committed;
  const lessChange = { psbt: outputAt(psbt, 2, less(500n)), foreign: [] };
  expect(publish(made, lessChange, null)).toBe('OVER_BUDGET');
  const gone = { ...psbt, tx: { ...psbt.tx, outputs: psbt.tx.outputs.slice(0, 2) }, outputs: psbt.outputs.slice(0, 2) };
  expect(publish(made, { psbt: gone, foreign: [] }, null)).toBe('OVER_BUDGET');
  const coinless = { ...psbt, tx: { ...psbt.tx, inputs: psbt.tx.inputs.slice(0, 1) }, inputs: psbt.inputs.slice(0, 1) };
  expect(publish(made, { psbt: coinless, foreign: [] }, null)).toBe('POLICY');
  expect(publish(made, lessChange, 10_000n)).toBe('published');
});

test('what stood beside the inputs is not left behind, and a lease that has run out ends the promise of our coins', () => {
  const made = deal({ funded: true });
  const { psbt } = made.committed;
  expect(publish({ ...made, packets: [made.packets[0]] }, { psbt, foreign: [] }, null)).toBe('POLICY');
  made.alice.now += 700;
  expect(publish(made, { psbt, foreign: [] }, null)).toBe('POLICY');
});
