// Virtual packets: funded, signed here or elsewhere, verified by the state machine, anchored; and what others could have changed in between.
import { expect, test } from 'vitest';
import { TAP_VERSION } from '../../../src/asset/commitment/tap-commitment.ts';
import { bip86ScriptKey, isTombstone } from '../../../src/asset/keys.ts';
import { entryValue, type PsbtEntry } from '../../../src/asset/packet/psbt-map.ts';
import {
  combinePackets,
  packetSighash,
  signedInputs,
  verifyPacket,
  withEntries,
  withSignature,
} from '../../../src/asset/packet/transition.ts';
import { decodeVirtualPacket, encodeVirtualPacket, type VirtualPacket } from '../../../src/asset/packet/virtual-packet.ts';
import { type Bytes, toHex, utf8 } from '../../../src/base/bytes.ts';
import { sat, unixTime } from '../../../src/base/units.ts';
import { derivePath, masterKey } from '../../../src/bitcoin/bip32.ts';
import { taprootPrivateKey } from '../../../src/bitcoin/taproot.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { SendPayout } from '../../../src/node/asset/transfer.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

function pair() {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(4);
  for (const each of [seedling('coin', 1000n), seedling('rare', 1n, { type: 1 })])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  for (const holding of holdings) bob.receive(alice.file(holding));
  return { chain, alice, bob, id: (holdings[0] as Holding).facts.assetId };
}
function payoutTo(node: AssetNode, assetId: Bytes, amount: bigint): SendPayout {
  const { keys } = node.told({ kind: 'new_keys' }, 'asset_keys');
  const { scriptKey, internalKey } = keys;
  const rest = { place: 0, sibling: null, script: null, interactive: true, delivery: null, own: null, assetVersion: 0 } as const;
  return { kind: 'send', assetId, amount, scriptKey, internalKey, ...rest };
}
const funded = (node: AssetNode, ...payouts: readonly [SendPayout, ...SendPayout[]]): VirtualPacket =>
  node.told({ kind: 'fund_packet', request: { payouts, leaseSeconds: 600 } }, 'asset_packet').packet;
const signed = (node: AssetNode, packet: VirtualPacket): VirtualPacket =>
  node.told({ kind: 'sign_packet', packet, openHashTypes: false }, 'asset_packet').packet;
const reread = (packet: VirtualPacket): VirtualPacket => {
  const bytes = encodeVirtualPacket(packet);
  const read = decodeVirtualPacket(bytes);
  if (!read.ok) throw new Error(read.failure.message);
  expect(toHex(encodeVirtualPacket(read.value))).toBe(toHex(bytes));
  return read.value;
};
const anchor = (node: AssetNode, packet: VirtualPacket) =>
  node.ask({ kind: 'anchor_packets', packets: [packet], note: null, feerate: null, dryRun: false });
const sentOf = (node: AssetNode, amount: bigint): Holding =>
  [...node.assets.holdings.values()].find((each) => each.facts.amount === amount && holdingState(node.assets, each) === 'sent') as Holding;

test.each([300n, 1000n])(
  '%d units: funded, exported, signed, verified, anchored; the receiver of the keys takes the proof in',
  (amount) => {
    const { chain, alice, bob, id } = pair();
    const packet = reread(funded(alice, payoutTo(bob, id, amount)));
    alice.restart();
    expect([alice.amounts(), alice.assets.leases.length]).toEqual([[], 1]);
    expect(verifyPacket(packet, checkScripts)).toMatchObject({ ok: false, failure: { code: 'INVALID_WITNESS' } });
    const ready = reread(signed(alice, packet));
    expect(signedInputs(ready)).toEqual([true]);
    expect(verifyPacket(ready, checkScripts).ok).toBe(true);
    expect(typeof anchor(alice, ready)).toBe('object');
    chain.mine();
    // The collectible stood beside it, and moved along.
    expect(alice.amounts()).toEqual(amount === 1000n ? [1n] : [1n, 700n]);
    expect(bob.receive(alice.file(sentOf(alice, amount)))?.facts.amount).toBe(amount);
    expect([bob.amounts(), alice.assets.leases]).toEqual([[amount], []]);
    for (const holding of alice.free()) bob.verified(alice.file(holding));
    expect([...alice.assets.holdings.values()].some(({ proof }) => isTombstone(proof.asset))).toBe(false);
  },
);

test('a signer elsewhere finds its key by the path in the packet, signs what the packet says, and its signature is taken in', () => {
  const { chain, alice, bob, id } = pair();
  const packet = reread(funded(alice, payoutTo(bob, id, 10n)));
  const [input] = packet.inputs;
  // A hardware wallet has the seed and the packet, nothing else.
  const origin = input?.standard.find(({ key }) => key[0] === 0x16) as PsbtEntry;
  const view = new DataView(origin.value.buffer, origin.value.byteOffset);
  const path = Array.from({ length: (origin.value.length - 5) / 4 }, (_, i) => view.getUint32(5 + 4 * i, true));
  const { privateKey } = derivePath(masterKey(sha256(utf8('assets of alice'))), path);
  const internal = entryValue(input?.standard ?? [], 0x17) as Bytes;
  expect(secp.publicKey(privateKey as Bytes).subarray(1)).toEqual(internal);
  const hash = packetSighash(packet, { index: 0 });
  if (!hash.ok) throw new Error(hash.failure.message);
  const signature = secp.schnorrSign(hash.value, taprootPrivateKey(privateKey as Bytes, null), new Uint8Array(32));
  const taken = withSignature(packet, { index: 0, signature });
  const asEntry = withEntries({
    ...packet,
    inputs: packet.inputs.map((each) => ({ ...each, standard: [...each.standard, { key: Uint8Array.of(0x13), value: signature }] })),
  });
  if (!taken.ok || !asEntry.ok) throw new Error('not taken');
  expect(asEntry.value.outputs).toEqual(taken.value.outputs);
  expect(withSignature(packet, { index: 0, signature: signature.map((byte) => byte ^ 1) })).toMatchObject({ ok: false });
  expect(verifyPacket(taken.value, checkScripts).ok).toBe(true);
  expect(typeof anchor(alice, taken.value)).toBe('object');
  chain.mine();
  expect(alice.amounts()).toEqual([1n, 990n]);
});

test('copies that several have signed become one, and other packets do not', () => {
  const { chain, alice, bob, id } = pair();
  alice.send(alice.address(id, 400n));
  chain.mine();
  const packet = funded(alice, payoutTo(bob, id, 900n));
  expect(packet.inputs.length).toBe(2);
  const both = signed(alice, packet);
  const only = (index: number): VirtualPacket => {
    const witness = both.outputs[0]?.asset?.prevWitnesses[index]?.txWitness[0] as Bytes;
    const one = withSignature(packet, { index, signature: witness });
    if (!one.ok) throw new Error(one.failure.message);
    return one.value;
  };
  const combined = combinePackets([only(0), only(1)]);
  expect(combined).toMatchObject({ ok: true });
  expect(combined.ok && verifyPacket(combined.value, checkScripts).ok).toBe(true);
  expect(combinePackets([only(0), { ...only(1), version: 0 }])).toMatchObject({ ok: false });
  expect(combined.ok && typeof anchor(alice, combined.value)).toBe('object');
  chain.mine();
  expect(bob.receive(alice.file(sentOf(alice, 900n)))?.facts.amount).toBe(900n);
});

const changes: readonly (readonly [string, (packet: VirtualPacket) => VirtualPacket])[] = [
  ['an amount', (packet) => output(packet, 1, (each) => ({ ...each, amount: 299n, asset: each.asset && { ...each.asset, amount: 299n } }))],
  ['an amount beside its asset', (packet) => output(packet, 1, (each) => ({ ...each, amount: 299n }))],
  [
    'a receiver',
    (packet) => output(packet, 1, (each) => ({ ...each, scriptKey: other, asset: each.asset && { ...each.asset, scriptKey: other } })),
  ],
  ['the place of an output', (packet) => output(packet, 1, (each) => ({ ...each, anchorOutputIndex: 2n }))],
  ['an output left out', (packet) => ({ ...packet, outputs: packet.outputs.slice(0, 1) })],
  ['an output twice', (packet) => ({ ...packet, outputs: [...packet.outputs, packet.outputs[1] as VirtualPacket['outputs'][number]] })],
  ['an input twice', (packet) => ({ ...packet, inputs: [...packet.inputs, ...packet.inputs] })],
];
const other = bip86ScriptKey(secp.publicKey(sha256(utf8('a thief')))).publicKey;
const output = (
  packet: VirtualPacket,
  index: number,
  change: (each: VirtualPacket['outputs'][number]) => VirtualPacket['outputs'][number],
) => ({
  ...packet,
  outputs: packet.outputs.map((each, i) => (i === index ? change(each) : each)),
});
test.each(changes)('a signed packet with %s changed does not pass the state machine', (_, change) => {
  const { alice, bob, id } = pair();
  const ready = signed(alice, funded(alice, payoutTo(bob, id, 300n)));
  expect(verifyPacket(ready, checkScripts).ok).toBe(true);
  expect(verifyPacket(change(ready), checkScripts).ok).toBe(false);
});

test('what no signature covers is looked at when it is anchored: our change under another internal key is refused', () => {
  const { alice, bob, id } = pair();
  const ready = signed(alice, funded(alice, payoutTo(bob, id, 300n)));
  const stolen = output(ready, 0, (each) => ({ ...each, anchorInternalKey: other }));
  expect(anchor(alice, stolen)).toBe('POLICY');
  expect(
    anchor(
      alice,
      output(ready, 0, (each) => ({ ...each, anchorInternalKey: null })),
    ),
  ).toBe('MALFORMED');
  expect(typeof anchor(alice, ready)).toBe('object');
  expect(anchor(alice, ready)).toBe('POLICY');
});

test('a lease runs out by itself, and nobody else may spend what it holds before', () => {
  const { chain, alice, bob, id } = pair();
  const packet = signed(alice, funded(alice, payoutTo(bob, id, 300n)));
  expect(alice.ask({ kind: 'fund_packet', request: { payouts: [payoutTo(bob, id, 1n)], leaseSeconds: 1 } })).toBe('INSUFFICIENT_FUNDS');
  const request = { kind: 'burn', payouts: [{ kind: 'burn', assetId: id, amount: 1n }], commitmentVersion: TAP_VERSION.V2 } as const;
  expect(alice.ask({ kind: 'transfer', request, feerate: null, dryRun: false })).toBe('INSUFFICIENT_FUNDS');
  const [lease] = alice.assets.leases;
  alice.state = {
    ...alice.state,
    assets: { ...alice.assets, leases: [{ ...(lease as never as { id: Bytes; expiresAt: number }), expiresAt: unixTime(1) } as never] },
  };
  expect(typeof alice.ask({ kind: 'transfer', request, feerate: null, dryRun: false })).toBe('object');
  chain.mine();
  // The packet has lost its inputs.
  expect(anchor(alice, packet)).toBe('POLICY');
});

test('a packet that asks for a signature with open outputs is not signed unless that is asked for', () => {
  const { alice, bob, id } = pair();
  const packet = funded(alice, payoutTo(bob, id, 300n));
  const entry = { key: Uint8Array.of(0x03), value: Uint8Array.of(2, 0, 0, 0) };
  const open = { ...packet, inputs: packet.inputs.map((each) => ({ ...each, standard: [...each.standard, entry] })) };
  expect(alice.ask({ kind: 'sign_packet', packet: open, openHashTypes: false })).toBe('POLICY');
  const ready = alice.told({ kind: 'sign_packet', packet: open, openHashTypes: true }, 'asset_packet').packet;
  expect(ready.outputs[0]?.asset?.prevWitnesses[0]?.txWitness[0]?.length).toBe(65);
  expect(verifyPacket(ready, checkScripts).ok).toBe(true);
  expect(bob.ask({ kind: 'sign_packet', packet, openHashTypes: false })).toBe('NOT_FOUND');
});

test('units beyond what a packet can say are not put into one, nor offered in one, and nothing is held back for it', () => {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(2);
  const amount = 2n ** 63n;
  alice.told({ kind: 'add_seedling', seedling: seedling('many', amount), dryRun: false }, 'asset_batch');
  const { facts } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor').holdings[0] as Holding;
  chain.mine();
  // BIP 174 has them as the signed amounts of Bitcoin outputs.
  const { assetId } = facts;
  expect(alice.ask({ kind: 'fund_packet', request: { payouts: [payoutTo(bob, assetId, amount)], leaseSeconds: 60 } })).toBe('POLICY');
  const request = { assetId, amount, priceSat: sat(10_000n), lifeSeconds: 60 };
  expect(alice.ask({ kind: 'offer_swap', request, dryRun: false })).toBe('POLICY');
  expect(alice.assets.leases).toEqual([]);
  expect(packetUnits(funded(alice, payoutTo(bob, assetId, 1n)))).toEqual([amount - 1n, 1n]);
});
const packetUnits = (packet: VirtualPacket): readonly bigint[] => reread(packet).outputs.map((output) => output.amount);
