import { type ADDRESS_VERSION, encodeTapAddress, newTapAddress, predictedOutputKey } from '../../asset/address/address.ts';
import { assetId } from '../../asset/genesis.ts';
import { bip86ScriptKey } from '../../asset/keys.ts';
import { decodeProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { height } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { WalletKeys } from '../wallet/types.ts';
import type { FileParts } from './history.ts';
import { holdingOf, NO_BASE } from './holding.ts';
import type { Anchor, AssetAddress, AssetState, Holding } from './types.ts';

export interface AddressRequest {
  readonly assetId: Bytes;
  readonly amount: bigint;
  readonly version: typeof ADDRESS_VERSION.V0 | typeof ADDRESS_VERSION.V1;
  readonly assetVersion: number;
  readonly courier: string;
}

/** A new address under two fresh keys. Fails with NOT_FOUND where the asset's minting was never seen, or USAGE. */
export function newAddress(
  state: AssetState,
  env: NodeEnv,
  request: AddressRequest,
): Result<{ readonly state: AssetState; readonly address: AssetAddress }, NodeFailure> {
  const known = state.known.get(request.assetId);
  if (known === undefined)
    return fail({
      code: 'NOT_FOUND',
      message: `asset ${toHex(request.assetId)} is not known here`,
      hint: 'import a proof of its minting first: `lnkit proof import FILE`',
    });
  const [scriptKeyIndex, internalKeyIndex] = [state.nextKeyIndex, state.nextKeyIndex + 1];
  const address = newTapAddress({
    version: request.version,
    assetVersion: request.assetVersion,
    groupKey: known.groupKey,
    scriptKey: bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey,
    internalKey: env.walletKeys.assetKey(internalKeyIndex).publicKey,
    tapscriptSibling: null,
    amount: request.amount,
    proofCourier: request.courier,
    genesis: known.genesis,
  });
  if (!address.ok) return fail({ code: 'USAGE', message: address.failure.message });
  const key = predictedOutputKey(address.value, known.genesis);
  if (!key.ok) return fail({ code: 'USAGE', message: key.failure.message });
  const record: AssetAddress = {
    text: encodeTapAddress(address.value, env.network),
    assetId: request.assetId,
    scriptKeyIndex,
    internalKeyIndex,
    script: p2trScript(key.value),
    createdAt: env.now,
    arrivals: [],
  };
  const next = { ...state, nextKeyIndex: internalKeyIndex + 1, addresses: state.addresses.set(record.script, record) };
  return ok({ state: next, address: record });
}

export interface Imported {
  readonly state: AssetState;
  /** null where the asset is not ours to spend: then only its minting was noted. */
  readonly holding: Holding | null;
  /** Its keys are ours. */
  readonly ours: boolean;
}

/** Takes in a proof file that was verified against the chain: what it says of the asset's minting, and the asset where its keys are ours. */
export function importFile(
  state: AssetState,
  env: NodeEnv,
  { file, unspent }: { readonly file: FileParts; readonly unspent: boolean },
): Result<Imported, NodeFailure> {
  const [first, last] = [decodeProof(file.first), decodeProof(file.last)];
  if (!first.ok || !last.ok) return fail({ code: 'MALFORMED', message: 'not a proof file' });
  const learned = learn(state, first.value);
  const proof = last.value;
  const scriptKeyIndex = scriptKeyOf(state, env.walletKeys, proof.asset.scriptKey);
  const internalKeyIndex = scriptKeyIndex === null ? null : internalKeyOf(state, env.walletKeys, proof.inclusionProof.internalKey);
  if (scriptKeyIndex === null || internalKeyIndex === null) return ok({ state: learned, holding: null, ours: false });
  const fresh = holdingOf({ ...proof, additionalInputs: [] });
  const there = learned.holdings.get(fresh.key);
  if (there !== undefined && there.scriptKeyIndex !== null) return ok({ state: learned, holding: there, ours: true });
  if (!unspent) return ok({ state: learned, holding: null, ours: true });
  const base = { ...NO_BASE, head: file.before, additionalHeads: file.additionalHeads };
  const holding: Holding = { ...fresh, base, scriptKeyIndex, internalKeyIndex };
  const { txid } = outPointOf(proof);
  const anchors = learned.anchors.has(txid) ? learned.anchors : learned.anchors.set(txid, received(proof, env));
  return ok({ state: { ...learned, anchors, holdings: learned.holdings.set(holding.key, holding) }, holding, ours: true });
}

const received = (proof: Proof, env: NodeEnv): Anchor => ({
  txid: txId(proof.anchorTx),
  tx: proof.anchorTx,
  kind: 'receive',
  block: { header: proof.blockHeader, height: height(proof.blockHeight), txMerkleProof: proof.txMerkleProof },
  feeSat: null,
  createdAt: env.now,
  deliveries: [],
  note: null,
  replaces: null,
});

/** What the proof of a minting teaches for ever. */
function learn(state: AssetState, minting: Proof): AssetState {
  const { asset, metaReveal, groupKeyReveal } = minting;
  const id = assetId(asset.genesis);
  const { groupKey } = asset;
  const known = state.known.has(id) ? state.known : state.known.set(id, { genesis: asset.genesis, meta: metaReveal, groupKey });
  const isFirst = groupKeyReveal !== null && groupKey !== null && !state.groups.has(groupKey);
  const groups = isFirst ? state.groups.set(groupKey, { groupKey, anchorId: id, rawKeyIndex: null }) : state.groups;
  return known === state.known && groups === state.groups ? state : { ...state, known, groups };
}

function scriptKeyOf(state: AssetState, keys: WalletKeys, scriptKey: Bytes): number | null {
  const wanted = xOnly(scriptKey);
  return findKey(
    state,
    [...state.addresses.values()].map((address) => address.scriptKeyIndex),
    (index) => equal(xOnly(bip86ScriptKey(keys.assetKey(index).publicKey).publicKey), wanted),
  );
}

function internalKeyOf(state: AssetState, keys: WalletKeys, internalKey: Bytes): number | null {
  const wanted = xOnly(internalKey);
  return findKey(
    state,
    [...state.addresses.values()].map((address) => address.internalKeyIndex),
    (index) => equal(xOnly(keys.assetKey(index).publicKey), wanted),
  );
}

/** Those of addresses first, then all that were ever handed out. */
function findKey(state: AssetState, likely: readonly number[], fits: (index: number) => boolean): number | null {
  for (const index of likely) if (fits(index)) return index;
  for (let index = 0; index < state.nextKeyIndex; index++) if (fits(index)) return index;
  return null;
}
