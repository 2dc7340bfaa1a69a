import { spentLeavesOf } from '../../../src/asset/alt-leaf.ts';
import { type Asset, genesisWitness, inputWitness, prevIdOf, spendTemplate } from '../../../src/asset/asset.ts';
import { optionalSiblingHash, type TapscriptPreimage } from '../../../src/asset/commitment/sibling.ts';
import { splitAssets } from '../../../src/asset/commitment/split.ts';
import {
  commitForChain,
  commitmentOutputKey,
  TAP_VERSION,
  type TapCommitment,
  tapRoot,
  withAltLeaves,
} from '../../../src/asset/commitment/tap-commitment.ts';
import { assetId, type Genesis } from '../../../src/asset/genesis.ts';
import { type GroupKeyReveal, groupKeyOf } from '../../../src/asset/group-key.ts';
import { bip86ScriptKey, NUMS_KEY, type ScriptKey } from '../../../src/asset/keys.ts';
import { type AnchorOutput, BIP86_PROOF, createProof } from '../../../src/asset/proof/create.ts';
import { writeFile } from '../../../src/asset/proof/file.ts';
import { type MetaReveal, metaHash } from '../../../src/asset/proof/meta.ts';
import { encodeProof, type Proof, TRANSITION_VERSION } from '../../../src/asset/proof/proof.ts';
import { proveTx } from '../../../src/asset/proof/tx-merkle.ts';
import { groupPrevOutput, inputSet, prevOutput, virtualSighash, virtualTx } from '../../../src/asset/vm/virtual-tx.ts';
import { type Bytes, fromBigInt, utf8 } from '../../../src/base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../../src/base/ids.ts';
import type { Result } from '../../../src/base/result.ts';
import { sat } from '../../../src/base/units.ts';
import { type BlockHeader, blockHash, merkleRoot } from '../../../src/bitcoin/block.ts';
import { p2trScript } from '../../../src/bitcoin/script.ts';
import { bip86Script, taprootPrivateKey } from '../../../src/bitcoin/taproot.ts';
import { type Tx, txId, txInput } from '../../../src/bitcoin/tx.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';

/** A chain of its own on which assets are minted, moved, divided and merged, with the proofs that come of it. No block has any work. */
export interface World {
  readonly headers: Map<number, BlockHeader>;
  height: number;
  keys: number;
}
export const newWorld = (): World => ({ headers: new Map(), height: 0, keys: 0 });
export const isInChain =
  (world: World) =>
  (header: BlockHeader, height: number): boolean => {
    const there = world.headers.get(height);
    return there !== undefined && blockHash(there).every((byte, i) => byte === blockHash(header)[i]);
  };

export interface Owned {
  readonly asset: Asset;
  readonly outPoint: OutPoint;
  readonly privateKey: Bytes;
  readonly proofs: readonly Bytes[];
}

export interface Owner {
  readonly privateKey: Bytes;
  readonly scriptKey: ScriptKey;
}
export function newKey(world: World): Bytes {
  world.keys += 1;
  return sha256(fromBigInt(BigInt(world.keys), 8));
}
export function newOwner(world: World): Owner {
  const privateKey = newKey(world);
  return { privateKey, scriptKey: bip86ScriptKey(secp.publicKey(privateKey)) };
}

export function valid<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

/** Puts a transaction into a block of its own, with a coinbase before it. */
export function mine(world: World, tx: Tx): { header: BlockHeader; height: number; txMerkleProof: ReturnType<typeof proveTx> } {
  const coinbase = sha256(fromBigInt(BigInt(world.height), 8)) as TxId;
  const ids = [coinbase, txId(tx)];
  const previous = world.headers.get(world.height);
  world.height += 1;
  const header: BlockHeader = {
    version: 2,
    previous: previous === undefined ? (new Uint8Array(32) as BlockHash) : blockHash(previous),
    merkleRoot: merkleRoot(ids),
    time: 1_700_000_000 + 600 * world.height,
    bits: 0x207fffff,
    nonce: 0,
  };
  world.headers.set(world.height, header);
  return { header, height: world.height, txMerkleProof: proveTx(ids, 1) };
}

const CHANGE_KEY = secp.publicKey(sha256(utf8('change')));

interface Place {
  readonly assets: readonly Asset[];
  readonly sibling?: TapscriptPreimage;
}

/** An anchor with one output for each place, and a change output without assets; the spent leaves stand where their transfer root does. */
export function anchor(world: World, inputs: readonly OutPoint[], places: readonly Place[], version: number | null = TAP_VERSION.V2) {
  const outputs: AnchorOutput[] = [];
  const scripts: Bytes[] = [];
  for (const [outputIndex, place] of places.entries()) {
    const internalKey = secp.publicKey(newKey(world));
    const plain: TapCommitment = valid(commitForChain(version, place.assets));
    const commitment = valid(withAltLeaves(plain, place.assets.flatMap(spentLeavesOf)));
    const sibling = place.sibling ?? null;
    const key = commitmentOutputKey(tapRoot(commitment), { internalKey, sibling: valid(optionalSiblingHash(sibling)) });
    outputs.push({ outputIndex, internalKey, content: { kind: 'assets', commitment, sibling } });
    scripts.push(p2trScript(key as Bytes));
  }
  outputs.push({ outputIndex: places.length, internalKey: CHANGE_KEY, content: { kind: 'none', tapscriptProof: BIP86_PROOF } });
  scripts.push(bip86Script(CHANGE_KEY));
  const tx: Tx = {
    version: 2,
    inputs: inputs.map((prevout) => txInput(prevout, 0xfffffffd)),
    outputs: scripts.map((script) => ({ amount: sat(1000), script })),
    locktime: 0,
  };
  return { tx, outputs, block: mine(world, tx) };
}

const META: MetaReveal = {
  type: 0,
  data: utf8('metadata'),
  decimalDisplay: 2,
  universeCommitments: false,
  canonicalUniverses: null,
  delegationKey: null,
  unknown: [{ type: 31337n, value: utf8('odd') }],
};

export interface Minting {
  readonly name?: string;
  readonly amount?: bigint;
  readonly type?: number;
  readonly assetVersion?: number;
  /** Raw private key of a new group, or a group that exists. */
  readonly group?: { readonly rawKey: Bytes; readonly anchorId?: Bytes; readonly tapscriptRoot?: Bytes };
}

export function mint(world: World, minting: Minting = {}): Owned {
  const owner = newOwner(world);
  const firstPrevOut: OutPoint = { txid: sha256(newKey(world)) as TxId, vout: 1 };
  const genesis: Genesis = {
    firstPrevOut,
    tag: utf8(minting.name ?? 'beefbux'),
    metaHash: metaHash(META),
    outputIndex: 0,
    type: minting.type ?? 0,
  };
  const bare: Asset = {
    version: minting.assetVersion ?? 0,
    genesis,
    amount: minting.amount ?? 1000n,
    lockTime: 0n,
    relativeLockTime: 0n,
    prevWitnesses: [genesisWitness()],
    splitCommitmentRoot: null,
    scriptVersion: 0,
    scriptKey: owner.scriptKey.publicKey,
    groupKey: null,
    unknown: [],
  };
  const { asset, reveal } = minting.group === undefined ? { asset: bare, reveal: undefined } : grouped(bare, minting.group);
  const { tx, outputs, block } = anchor(world, [firstPrevOut], [{ assets: [asset] }]);
  const parts = { prevOut: firstPrevOut, anchorTx: tx, outputs, asset, outputIndex: 0, block, genesis, metaReveal: META };
  const proof = createProof({ ...parts, ...(reveal === undefined ? {} : { groupKeyReveal: reveal }) });
  return { asset, outPoint: { txid: txId(tx), vout: 0 }, privateKey: owner.privateKey, proofs: [encodeProof(proof)] };
}

function grouped(bare: Asset, group: NonNullable<Minting['group']>): { asset: Asset; reveal: GroupKeyReveal | undefined } {
  const id = group.anchorId ?? assetId(bare.genesis);
  const tapscriptRoot = group.tapscriptRoot ?? null;
  const reveal: GroupKeyReveal = { version: 0, rawKey: secp.publicKey(group.rawKey), tapscriptRoot };
  const groupKey = valid(groupKeyOf(reveal, id));
  const asset: Asset = { ...bare, groupKey };
  const { tx } = valid(virtualTx(asset, inputSet([])));
  const hash = virtualSighash({ tx, asset, index: 0, prevOut: groupPrevOutput(asset, groupKey) });
  const key = taprootPrivateKey(secp.privateAdd(group.rawKey, id), tapscriptRoot);
  const witness = [secp.schnorrSign(hash, key, new Uint8Array(32))];
  return { asset: { ...asset, prevWitnesses: [genesisWitness(witness)] }, reveal: group.anchorId === undefined ? reveal : undefined };
}

/** `asset` with every input's key spend; `inputs` in the order of its witnesses. */
export function signed(asset: Asset, inputs: readonly Owned[]): Asset {
  const set = inputSet(inputs.map((input) => [prevIdOf(input.asset, input.outPoint), input.asset] as const));
  const { tx } = valid(virtualTx(asset, set));
  const prevWitnesses = asset.prevWitnesses.map((witness, index) => {
    const input = inputs[index] as Owned;
    const hash = virtualSighash({ tx, asset, index, prevOut: prevOutput(input.asset) });
    return { ...witness, txWitness: [secp.schnorrSign(hash, taprootPrivateKey(input.privateKey, null), new Uint8Array(32))] };
  });
  return { ...asset, prevWitnesses };
}

const own = (proof: Proof, asset: Asset, privateKey: Bytes, proofs: readonly Bytes[]): Owned => ({
  asset,
  outPoint: { txid: txId(proof.anchorTx), vout: proof.inclusionProof.outputIndex },
  privateKey,
  proofs: [...proofs, encodeProof(proof)],
});

/** All of `inputs` (of one asset) to one new owner, interactively: no split. */
export function transfer(world: World, ...inputs: readonly [Owned, ...Owned[]]): Owned {
  const [first, ...others] = inputs;
  const owner = newOwner(world);
  const amount = inputs.reduce((sum, { asset }) => sum + asset.amount, 0n);
  const unsigned: Asset = {
    ...spendTemplate(first.asset),
    amount,
    scriptKey: owner.scriptKey.publicKey,
    prevWitnesses: inputs.map((input) => inputWitness(prevIdOf(input.asset, input.outPoint))),
  };
  const asset = signed(unsigned, inputs);
  const { tx, outputs, block } = anchor(
    world,
    inputs.map(({ outPoint }) => outPoint),
    [{ assets: [asset] }],
  );
  const additionalInputs = others.map(({ proofs }) => writeFile(proofs));
  const parts = { prevOut: first.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block, additionalInputs };
  return own(createProof({ ...parts, version: TRANSITION_VERSION.V1 }), asset, owner.privateKey, first.proofs);
}

/** Units to a new owner by a split, the rest (a tombstone where there is none) back to the sender. */
export function send(world: World, input: Owned, amount: bigint): { readonly sent: Owned; readonly change: Owned } {
  const [receiver, sender] = [newOwner(world), newOwner(world)];
  const id = assetId(input.asset.genesis);
  const rest = input.asset.amount - amount;
  const locator = { assetId: id, assetVersion: input.asset.version };
  const split = valid(
    splitAssets({
      inputs: [{ asset: input.asset, outPoint: input.outPoint }],
      root: { ...locator, outputIndex: 0, scriptKey: rest === 0n ? NUMS_KEY : sender.scriptKey.publicKey, amount: rest },
      outputs: [{ ...locator, outputIndex: 1, scriptKey: receiver.scriptKey.publicKey, amount }],
    }),
  );
  const rootAsset = signed(split.rootAsset, [input]);
  const [output] = split.outputs;
  if (output === undefined) throw new Error('no output');
  const asset: Asset = {
    ...output.asset,
    prevWitnesses: output.asset.prevWitnesses.map((w) => ({
      ...w,
      splitCommitment: w.splitCommitment && { ...w.splitCommitment, rootAsset },
    })),
  };
  const { tx, outputs, block } = anchor(world, [input.outPoint], [{ assets: [rootAsset] }, { assets: [asset] }]);
  const parts = { prevOut: input.outPoint, anchorTx: tx, outputs, block, version: TRANSITION_VERSION.V1 };
  const sent = createProof({ ...parts, asset, outputIndex: 1, rootOutputIndex: 0 });
  const change = createProof({ ...parts, asset: rootAsset, outputIndex: 0 });
  return { sent: own(sent, asset, receiver.privateKey, input.proofs), change: own(change, rootAsset, sender.privateKey, input.proofs) };
}

/** A file of `count` transitions. */
export function longFile(world: World, count: number, assetVersion = 0): Bytes {
  let owned = mint(world, { assetVersion });
  for (let i = 1; i < count; i++) owned = transfer(world, owned);
  return writeFile(owned.proofs);
}
export const fileOf = (owned: Owned): Bytes => writeFile(owned.proofs);
