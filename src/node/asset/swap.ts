import { addressPrefix } from '../../asset/address/network.ts';
import { type Asset, inputWitness, prevIdOf, spendTemplate } from '../../asset/asset.ts';
import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { bip86ScriptKey } from '../../asset/keys.ts';
import type { PsbtMaps } from '../../asset/packet/psbt-map.ts';
import {
  ANCHOR_HASH_TYPE,
  ASSET_HASH_TYPE,
  checkSwapOffer,
  encodeSwapAnchor,
  swapAnchorHash,
  typed,
} from '../../asset/packet/swap-offer.ts';
import { packetId, packetSighash, withWitness } from '../../asset/packet/transition.ts';
import { EMPTY_ANCHOR, encodeVirtualPacket, MAX_VIRTUAL_AMOUNT, type VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { decodeProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, height, type Sat, sat, unixTime } from '../../base/units.ts';
import { dustLimit } from '../../bitcoin/fees.ts';
import { taprootPrivateKey } from '../../bitcoin/taproot.ts';
import { equalOutPoint, type Tx, txId, txInput } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { RBF_SEQUENCE } from '../wallet/build.ts';
import type { Wallet } from '../wallet/types.ts';
import { handOut, newScript } from '../wallet/wallet.ts';
import { type AssetInput, fundAnchor, type LeadingOutput } from './anchor-tx.ts';
import { anchorSites, assemble, type Placed, type Transfer } from './assemble.ts';
import type { FileParts } from './history.ts';
import { holdingOf, NO_BASE } from './holding.ts';
import { withLeases } from './lease.ts';
import { drawKeys } from './own-keys.ts';
import { blankOutput, TOO_MANY_UNITS } from './packet.ts';
import { importFile } from './receive.ts';
import { companions, holdingState, isHeld } from './select.ts';
import { anchorInputOf } from './transfer.ts';
import { type Anchor, ASSET_OUTPUT_SAT, type AssetState, type Holding, type Lease } from './types.ts';

export interface OfferRequest {
  readonly assetId: Bytes;
  readonly amount: bigint;
  readonly priceSat: Sat;
  /** Seconds for which the asset is held back. */
  readonly lifeSeconds: number;
}

/** An offer as it leaves: both legs, and which output its proof file must end in. */
export interface SwapOffer {
  readonly id: Bytes;
  readonly virtualPsbt: Bytes;
  readonly anchorPsbt: Bytes;
  readonly outPoint: OutPoint;
  readonly expiresAt: Lease['expiresAt'];
  readonly holding: Holding;
}

const NO_AUX: Bytes = new Uint8Array(32);

/**
 * Signs over units of ours, all that their output holds, to whoever pays the price. The asset is held back until the offer has run out; what was
 * signed stays good until it is spent. Fails with USAGE, INSUFFICIENT_FUNDS, or POLICY where the units have no output of their own.
 */
export function offerSwap(
  state: AssetState,
  wallet: Wallet,
  env: NodeEnv,
  request: OfferRequest,
): Result<{ readonly state: AssetState; readonly wallet: Wallet; readonly offer: SwapOffer }, NodeFailure> {
  const keys = env.walletKeys;
  const holding = wholeOutput(state, request);
  if (!holding.ok) return holding;
  const { proof, facts } = holding.value;
  if (facts.amount > MAX_VIRTUAL_AMOUNT) return fail(TOO_MANY_UNITS);
  const next = newScript(wallet, keys);
  if (request.priceSat < dustLimit(next.script))
    return fail({
      code: 'USAGE',
      message: `a payment of ${request.priceSat} sat is not relayed: ${dustLimit(next.script)} sat is the least`,
    });
  const [scriptKeyIndex, internalKeyIndex] = [
    must(holding.value.scriptKeyIndex ?? undefined, 'ours'),
    must(holding.value.internalKeyIndex ?? undefined, 'ours'),
  ];
  const internal = keys.assetKey(internalKeyIndex);
  const prevId = prevIdOf(proof.asset, facts.outPoint);
  // Where it would go if nobody said otherwise: to the key that it has.
  const template: Asset = { ...spendTemplate(proof.asset), prevWitnesses: [inputWitness(prevId)] };
  const unsigned = packetOf(template, { input: proof.asset, prevId, internalKey: internal.publicKey, env });
  const hash = packetSighash(unsigned, { index: 0, hashType: ASSET_HASH_TYPE });
  if (!hash.ok) throw new RangeError(hash.failure.message);
  const key = taprootPrivateKey(keys.assetKey(scriptKeyIndex).privateKey, holding.value.scriptKeyTweak);
  const witness = [typed(secp.schnorrSign(hash.value, key, NO_AUX), ASSET_HASH_TYPE)];
  const packet = withWitness(unsigned, { index: 0, witness });
  const { output, merkleRoot } = anchorInputOf(proof);
  const site = { internalKey: internal.publicKey, sibling: null };
  const [built] = anchorSites([{ asset: must(packet.outputs[0]?.asset ?? undefined, 'an asset'), outputIndex: 1 }], [site], {
    first: 1,
    version: TAP_VERSION.V2,
  });
  const outputs = [
    { amount: request.priceSat, script: next.script },
    { amount: sat(ASSET_OUTPUT_SAT), script: must(built, 'an output').script },
  ];
  const tx: Tx = { version: 2, inputs: [txInput(facts.outPoint, RBF_SEQUENCE)], outputs, locktime: 0 };
  const signature = typed(
    secp.schnorrSign(swapAnchorHash(tx, output), taprootPrivateKey(internal.privateKey, merkleRoot), NO_AUX),
    ANCHOR_HASH_TYPE,
  );
  const paymentInternalKey = keys.publicKey(next.path);
  const anchorPsbt = encodeSwapAnchor({ tx, spent: output, internalKey: internal.publicKey, merkleRoot, signature, paymentInternalKey });
  const id = packetId(packet);
  const expiresAt = unixTime(env.now + request.lifeSeconds);
  const lease: Lease = { outPoint: facts.outPoint, purpose: 'swap', id, createdAt: env.now, expiresAt };
  const offer = { id, virtualPsbt: encodeVirtualPacket(packet), anchorPsbt, outPoint: facts.outPoint, expiresAt, holding: holding.value };
  return ok({ state: withLeases(state, [lease]), wallet: handOut(next.wallet, keys, next.path), offer });
}

/** A free holding of exactly so many units with nothing beside it: whoever completes the transaction disposes of all that its output holds. */
function wholeOutput(state: AssetState, { assetId, amount }: OfferRequest): Result<Holding, NodeFailure> {
  let units = 0n;
  let offered = false;
  for (const holding of state.holdings.values()) {
    if (!equal(holding.facts.assetId, assetId) || holdingState(state, holding) !== 'confirmed') continue;
    units += holding.facts.amount;
    if (holding.facts.amount !== amount || companions(state, [holding]).some((each) => isHeld(state, each))) continue;
    // At another price, whoever has the old offer would take the better one.
    if (!state.leases.some(({ outPoint }) => equalOutPoint(outPoint, holding.facts.outPoint))) return ok(holding);
    offered = true;
  }
  if (offered)
    return fail({
      code: 'POLICY',
      message: 'an offer of these units has run out, and can be accepted as long as they are not moved',
      hint: '`lnkit asset swap cancel` moves them',
    });
  if (units < amount) return fail({ code: 'INSUFFICIENT_FUNDS', message: `${amount} units are offered, and ${units} can be spent now` });
  return fail({
    code: 'POLICY',
    message: `no output holds ${amount} units and nothing else`,
    hint: '`lnkit asset split ASSET AMOUNT` makes one',
  });
}

function packetOf(
  asset: Asset,
  part: { readonly input: Asset; readonly prevId: ReturnType<typeof prevIdOf>; readonly internalKey: Bytes; readonly env: NodeEnv },
): VirtualPacket {
  const { input, prevId, internalKey, env } = part;
  const hashType = { key: Uint8Array.of(0x03), value: Uint8Array.of(ASSET_HASH_TYPE, 0, 0, 0) };
  const output = { ...blankOutput(asset, 1), anchorInternalKey: internalKey };
  const inputs = [{ prevId, anchor: EMPTY_ANCHOR, asset: input, proof: null, standard: [hashType] }];
  return { version: 1, prefix: addressPrefix(env.network), inputs, outputs: [output] };
}

export interface AcceptRequest {
  readonly packet: VirtualPacket;
  readonly anchor: PsbtMaps;
  /** The proof file of the offer, verified against the chain and with its output unspent. */
  readonly file: FileParts;
  /** Not more is paid to the seller; null for any price. */
  readonly maxPriceSat: Sat | null;
  readonly feerate: FeeratePerKw;
}

export interface Bought extends Transfer {
  readonly priceSat: Sat;
}

/**
 * Completes an offer: pays the seller, takes the asset under two fresh keys of ours, and pays the fee. Both legs are verified against what the proof
 * shows. Fails with MALFORMED, BAD_SIGNATURE, POLICY, OVER_BUDGET or INSUFFICIENT_FUNDS.
 */
export function acceptSwap(state: AssetState, wallet: Wallet, env: NodeEnv, request: AcceptRequest): Result<Bought, NodeFailure> {
  const { packet, anchor, file, maxPriceSat, feerate } = request;
  const last = decodeProof(file.last);
  if (!last.ok) return fail({ code: 'MALFORMED', message: last.failure.message });
  const proof: Proof = { ...last.value, additionalInputs: [] };
  const { asset } = proof;
  const seller = anchorInputOf(proof);
  const terms = checkSwapOffer({ packet, anchor, asset, outPoint: seller.outPoint, spent: seller.output });
  if (!terms.ok) return fail({ code: terms.failure.code, message: terms.failure.message });
  const { payment, paymentProof, assetWitness, anchorWitness, sequence, locktime } = terms.value;
  if (maxPriceSat !== null && payment.amount > maxPriceSat)
    return fail({ code: 'OVER_BUDGET', message: `the offer asks for ${payment.amount} sat, above the ${maxPriceSat} sat allowed` });
  const learned = learnOffer(state, env, file, proof);
  if (!learned.ok) return learned;
  const { state: drawn, keys } = drawKeys(learned.value.state, env);
  const input: AssetInput = { ...seller, internalKeyIndex: null, signed: { witness: anchorWitness, sequence } };
  const leading: LeadingOutput = {
    output: payment,
    proof: paymentProof && {
      internalKey: paymentProof.internalKey,
      content: { kind: 'none', tapscriptProof: paymentProof.tapscriptProof },
    },
  };
  const funding = { assetInputs: [input], outputs: 1, feerate, height: env.height, leading: [leading], leases: state.leases };
  const funded = fundAnchor(wallet, env.walletKeys, funding);
  if (!funded.ok) return funded;
  const prevId = prevIdOf(asset, seller.outPoint);
  const bought: Asset = {
    ...spendTemplate(asset),
    scriptKey: bip86ScriptKey(env.walletKeys.assetKey(keys.scriptKeyIndex).publicKey).publicKey,
    prevWitnesses: [inputWitness(prevId, assetWitness)],
  };
  const placed: Placed = {
    asset: bought,
    outputIndex: 1,
    prevOut: seller.outPoint,
    inputs: [learned.value.holding.key],
    base: NO_BASE,
    rootOutputIndex: null,
    own: { scriptKeyIndex: keys.scriptKeyIndex, scriptKeyTweak: null },
    delivery: null,
  };
  const site = { internalKey: keys.internalKey, internalKeyIndex: keys.internalKeyIndex, sibling: null, script: null };
  const made = assemble(drawn, env, {
    placed: [placed],
    sites: [site],
    funding: funded.value,
    kind: 'swap',
    commitmentVersion: TAP_VERSION.V2,
    note: null,
    nextKeyIndex: drawn.nextKeyIndex,
    locktime,
  });
  return ok({ ...made, priceSat: payment.amount });
}

/** What the file of the offer teaches, and the seller's asset as what ours comes from: a reorganisation moves both. */
function learnOffer(
  state: AssetState,
  env: NodeEnv,
  file: FileParts,
  proof: Proof,
): Result<{ readonly state: AssetState; readonly holding: Holding }, NodeFailure> {
  const learned = importFile(state, env, { file, unspent: true });
  if (!learned.ok) return learned;
  if (learned.value.ours) return fail({ code: 'POLICY', message: 'the offer is our own', hint: '`lnkit asset swap cancel` ends it' });
  const fresh = holdingOf(proof);
  const there = learned.value.state.holdings.get(fresh.key);
  if (there !== undefined) return ok({ state: learned.value.state, holding: there });
  const base = { ...NO_BASE, head: file.before, additionalHeads: file.additionalHeads };
  const holding: Holding = { ...fresh, base };
  const { anchors, holdings } = learned.value.state;
  const { txid } = outPointOf(proof);
  const withAnchor = anchors.has(txid) ? anchors : anchors.set(txid, sellersAnchor(proof, env));
  return ok({ state: { ...learned.value.state, anchors: withAnchor, holdings: holdings.set(holding.key, holding) }, holding });
}

const sellersAnchor = (proof: Proof, env: NodeEnv): Anchor => ({
  txid: txId(proof.anchorTx),
  tx: proof.anchorTx,
  kind: 'foreign',
  block: { header: proof.blockHeader, height: height(proof.blockHeight), txMerkleProof: proof.txMerkleProof },
  feeSat: null,
  createdAt: env.now,
  deliveries: [],
  note: null,
  replaces: null,
});
