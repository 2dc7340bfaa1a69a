import { addressPrefix } from '../../asset/address/network.ts';
import { type Asset, inputWitness, prevIdHash, prevIdOf, spendTemplate } from '../../asset/asset.ts';
import { tapscriptPreimageCodec } from '../../asset/commitment/sibling.ts';
import { type SplitLocator, splitAssets } from '../../asset/commitment/split.ts';
import { bip86ScriptKey, NUMS_KEY } from '../../asset/keys.ts';
import { keyOriginCodec, taprootOriginCodec } from '../../asset/packet/derivation.ts';
import type { PsbtEntry } from '../../asset/packet/psbt-map.ts';
import { hashTypeOf, packetId, packetSighash, signedInputs, transitionOfPacket, withWitness } from '../../asset/packet/transition.ts';
import {
  MAX_VIRTUAL_AMOUNT,
  OUTPUT_TYPE,
  type VirtualInput,
  type VirtualOutput,
  type VirtualPacket,
} from '../../asset/packet/virtual-packet.ts';
import { confirmProof } from '../../asset/proof/create.ts';
import { must } from '../../base/assert.ts';
import { concat, EMPTY } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type UnixTime, unixTime } from '../../base/units.ts';
import { assetKeyPath } from '../../bitcoin/hd.ts';
import { SIGHASH } from '../../bitcoin/sighash.ts';
import { taprootPrivateKey, xOnly } from '../../bitcoin/taproot.ts';
import { encodeWith } from '../../codec/codec.ts';
import { secp } from '../../crypto/ec.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { WalletKeys } from '../wallet/types.ts';
import { anchorOf } from './files.ts';
import { withLeases } from './lease.ts';
import { isHeld, selectHoldings } from './select.ts';
import { anchorInputOf, type SendPayout, SHARED_KEY, shareKey } from './transfer.ts';
import type { AssetState, Holding, Lease } from './types.ts';

export interface PacketRequest {
  /** All of one asset, each to keys that somebody has told. */
  readonly payouts: readonly [SendPayout, ...SendPayout[]];
  /** Seconds for which the inputs are held back. */
  readonly leaseSeconds: number;
}

/**
 * A virtual packet that moves units of one asset, with inputs of ours that are held back from now on, and no signature yet. Every key of ours
 * in it stands with its way from the master key, so that a signer elsewhere finds it. Fails with INSUFFICIENT_FUNDS or USAGE.
 */
export function fundPacket(
  state: AssetState,
  env: NodeEnv,
  { payouts, leaseSeconds }: PacketRequest,
): Result<{ readonly state: AssetState; readonly packet: VirtualPacket }, NodeFailure> {
  const { assetId } = payouts[0];
  if (shareKey(payouts)) return fail(SHARED_KEY);
  const amount = payouts.reduce((sum, payout) => sum + payout.amount, 0n);
  const chosen = selectHoldings(state, assetId, amount);
  if (!chosen.ok) return chosen;
  const holdings = chosen.value;
  const [first] = holdings;
  let index = state.nextKeyIndex;
  const draw = (): number => index++;
  const inputs = holdings.map((holding) => inputOf(state, holding, env.walletKeys));
  const left = holdings.reduce((sum, { facts }) => sum + facts.amount, 0n) - amount;
  const isWhole = left === 0n && payouts.length === 1 && payouts[0].interactive;
  // What stands beside the inputs gets its output when the packet is anchored.
  const internalKeyIndex = isWhole ? null : draw();
  const firstPlace = isWhole ? 0 : 1;
  const template = spendTemplate(first.proof.asset);
  const spends = holdings.map(({ facts, proof }) => inputWitness(prevIdOf(proof.asset, facts.outPoint)));
  if (isWhole) {
    const [payout] = payouts;
    const { assetVersion: version, scriptKey } = payout;
    const asset: Asset = { ...template, version, amount, scriptKey, prevWitnesses: spends };
    return held(state, env, { inputs, outputs: [outputFor(payout, asset, firstPlace)], nextKeyIndex: index, leaseSeconds });
  }
  const scriptKeyIndex = left === 0n ? null : draw();
  const ownKeys = scriptKeyIndex === null ? null : env.walletKeys.assetKey(scriptKeyIndex).publicKey;
  const changeKey = ownKeys === null ? NUMS_KEY : bip86ScriptKey(ownKeys).publicKey;
  const locators = payouts.map(
    ({ scriptKey, assetVersion, place, amount: units }): SplitLocator => ({
      assetId,
      amount: units,
      scriptKey,
      assetVersion,
      outputIndex: firstPlace + place,
    }),
  );
  const root = { assetId, amount: left, scriptKey: changeKey, assetVersion: first.proof.asset.version, outputIndex: 0 };
  const split = splitAssets({
    inputs: holdings.map(({ proof, facts }) => ({ asset: proof.asset, outPoint: facts.outPoint })) as never,
    root,
    outputs: locators,
  });
  if (!split.ok) return fail({ code: 'USAGE', message: split.failure.message });
  const own = must(internalKeyIndex ?? undefined, 'a split leaves its root with us');
  const change: VirtualOutput = {
    ...blankOutput(split.value.rootAsset, 0),
    type: OUTPUT_TYPE.SPLIT_ROOT,
    ...anchorKeyOf(own, env.walletKeys),
    splitAsset: split.value.rootLeaf,
    standard: scriptKeyIndex === null ? [] : originEntries(OUTPUT_KEYS, scriptKeyIndex, env.walletKeys),
  };
  const outputs = [change, ...split.value.outputs.map(({ asset }, i) => outputFor(payouts[i] as SendPayout, asset, firstPlace))];
  return held(state, env, { inputs, outputs, nextKeyIndex: index, leaseSeconds });
}

export const TOO_MANY_UNITS: NodeFailure = {
  code: 'POLICY',
  message: `a virtual PSBT says at most ${MAX_VIRTUAL_AMOUNT} units of an output`,
  hint: '`lnkit asset send` and `lnkit asset split` have no such limit',
};

function held(
  state: AssetState,
  env: NodeEnv,
  part: {
    readonly inputs: readonly VirtualInput[];
    readonly outputs: readonly VirtualOutput[];
    readonly nextKeyIndex: number;
    readonly leaseSeconds: number;
  },
): Result<{ readonly state: AssetState; readonly packet: VirtualPacket }, NodeFailure> {
  const { inputs, outputs, nextKeyIndex, leaseSeconds } = part;
  if (outputs.some(({ amount }) => amount > MAX_VIRTUAL_AMOUNT)) return fail(TOO_MANY_UNITS);
  const packet: VirtualPacket = { version: 1, prefix: addressPrefix(env.network), inputs, outputs };
  const id = packetId(packet);
  const expiresAt: UnixTime = unixTime(env.now + leaseSeconds);
  const leases = inputs.map(({ prevId }): Lease => ({ outPoint: prevId.outPoint, purpose: 'packet', id, createdAt: env.now, expiresAt }));
  return ok({ state: withLeases({ ...state, nextKeyIndex }, leases), packet });
}

/** Hash types under which others may change what the owner has looked at. */
const isWhollySigned = (hashType: number): boolean => hashType === SIGHASH.DEFAULT || hashType === SIGHASH.ALL;

/**
 * Signs every input whose script key is ours, by what we hold and not by what the packet says of it. Hash types that leave the outputs open are
 * refused unless they are asked for. Fails with MALFORMED, POLICY or NOT_FOUND (nothing in it is ours).
 */
export function signPacket(
  state: AssetState,
  env: NodeEnv,
  part: { readonly packet: VirtualPacket; readonly openHashTypes: boolean },
): Result<{ readonly packet: VirtualPacket; readonly signed: readonly number[] }, NodeFailure> {
  let { packet } = part;
  const ours = packet.inputs.map(({ prevId }) => state.holdings.get(prevIdHash(prevId)) ?? null);
  packet = { ...packet, inputs: packet.inputs.map((input, i) => ({ ...input, asset: ours[i]?.proof.asset ?? input.asset })) };
  const read = transitionOfPacket(packet);
  if (!read.ok) return fail({ code: 'MALFORMED', message: read.failure.message });
  const signed: number[] = [];
  const before = signedInputs(packet);
  for (const [index, holding] of ours.entries()) {
    if (holding === null || holding.scriptKeyIndex === null || before[index] === true) continue;
    if (!isHeld(state, holding)) return fail({ code: 'POLICY', message: `input ${index} is spent already` });
    const hashType = hashTypeOf(packet.inputs[index] as VirtualInput);
    if (!isWhollySigned(hashType) && !part.openHashTypes)
      return fail({
        code: 'POLICY',
        message: `input ${index} asks for a signature (hash type ${hashType}) under which others may change the outputs`,
        hint: 'give --open only where you want that',
      });
    const hash = packetSighash(packet, { index, hashType });
    if (!hash.ok) return fail({ code: 'MALFORMED', message: hash.failure.message });
    const { privateKey } = env.walletKeys.assetKey(holding.scriptKeyIndex);
    const signature = secp.schnorrSign(hash.value, taprootPrivateKey(privateKey, holding.scriptKeyTweak), new Uint8Array(32));
    const witness = [hashType === SIGHASH.DEFAULT ? signature : concat(signature, Uint8Array.of(hashType))];
    packet = withWitness(packet, { index, witness });
    signed.push(index);
  }
  if (signed.length === 0 && !before.some((each) => each))
    return fail({ code: 'NOT_FOUND', message: 'no input of the packet is ours to sign' });
  return ok({ packet, signed });
}

interface EntryTypes {
  readonly bip32: number;
  readonly taproot: number;
  readonly internalKey: number;
}
const INPUT_KEYS: EntryTypes = { bip32: 0x06, taproot: 0x16, internalKey: 0x17 };
const OUTPUT_KEYS: EntryTypes = { bip32: 0x02, taproot: 0x07, internalKey: 0x05 };
const TAP_MERKLE_ROOT = 0x18;

/** BIP 174 and 371: a key of ours and the way to it. */
function originEntries(types: EntryTypes, index: number, keys: WalletKeys): readonly PsbtEntry[] {
  const { publicKey } = keys.assetKey(index);
  const origin = originOf(index, keys);
  return [
    { key: concat(Uint8Array.of(types.bip32), publicKey), value: encodeWith(keyOriginCodec, origin) },
    { key: concat(Uint8Array.of(types.taproot), xOnly(publicKey)), value: encodeWith(taprootOriginCodec, { ...origin, leafHashes: [] }) },
    { key: Uint8Array.of(types.internalKey), value: xOnly(publicKey) },
  ];
}

/** The way from the master key to one of assets. */
export const originOf = (index: number, keys: WalletKeys) => ({
  masterFingerprint: keys.masterFingerprint,
  path: assetKeyPath(index, keys.network),
});

/** What an output says of a key of ours that it is under. */
export function anchorKeyOf(index: number, keys: WalletKeys) {
  const { publicKey } = keys.assetKey(index);
  const origin = originOf(index, keys);
  return {
    anchorInternalKey: publicKey,
    anchorBip32Derivation: [{ ...origin, publicKey }],
    anchorTaprootDerivation: [{ ...origin, publicKey: xOnly(publicKey), leafHashes: [] }],
  };
}

/** An asset of ours as an input of a packet, with its proof and the ways to its keys. */
export function inputOf(state: AssetState, holding: Holding, keys: WalletKeys): VirtualInput {
  const { proof, facts } = holding;
  const scriptKeyIndex = must(holding.scriptKeyIndex ?? undefined, 'the asset is ours');
  const { output, merkleRoot } = anchorInputOf(proof);
  const { anchorInternalKey, anchorBip32Derivation, anchorTaprootDerivation } = anchorKeyOf(
    must(holding.internalKeyIndex ?? undefined, 'the output is ours'),
    keys,
  );
  const sibling = proof.inclusionProof.commitmentProof?.tapSiblingPreimage ?? null;
  const tweak = holding.scriptKeyTweak;
  const { block } = anchorOf(state, holding);
  return {
    prevId: prevIdOf(proof.asset, facts.outPoint),
    anchor: {
      value: output.amount,
      pkScript: output.script,
      sigHashType: 0n,
      internalKey: anchorInternalKey,
      merkleRoot,
      tapscriptSibling: sibling === null ? EMPTY : encodeWith(tapscriptPreimageCodec, sibling),
      bip32Derivation: anchorBip32Derivation,
      taprootDerivation: anchorTaprootDerivation,
    },
    asset: proof.asset,
    proof: block === null ? proof : confirmProof(proof, block),
    standard: [
      ...originEntries(INPUT_KEYS, scriptKeyIndex, keys),
      ...(tweak === null ? [] : [{ key: Uint8Array.of(TAP_MERKLE_ROOT), value: tweak }]),
    ],
  };
}

/** An output about which only its asset and place are known. */
export const blankOutput = (asset: Asset, anchorOutputIndex: number): VirtualOutput => ({
  amount: asset.amount,
  scriptKey: asset.scriptKey,
  type: OUTPUT_TYPE.SIMPLE,
  interactive: true,
  assetVersion: asset.version,
  anchorOutputIndex: BigInt(anchorOutputIndex),
  anchorInternalKey: null,
  anchorBip32Derivation: [],
  anchorTaprootDerivation: [],
  anchorTapscriptSibling: null,
  asset,
  splitAsset: null,
  proofDeliveryAddress: null,
  proofSuffix: null,
  lockTime: 0n,
  relativeLockTime: 0n,
  altLeaves: [],
  address: null,
  standard: [],
});

const outputFor = (payout: SendPayout, asset: Asset, firstPlace: number): VirtualOutput => ({
  ...blankOutput(asset, firstPlace + payout.place),
  interactive: payout.interactive,
  anchorInternalKey: payout.internalKey,
  anchorTapscriptSibling: payout.sibling,
  proofDeliveryAddress: payout.delivery?.courier ?? null,
});
