import { ADDRESS_VERSION, encodeTapAddress, newTapAddress, predictedOutputKey, type TapAddress } from '../../asset/address/address.ts';
import { isGenesisAsset } from '../../asset/asset.ts';
import { assetId, type Genesis } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { bip86ScriptKey, type ScriptKey, uniqueScriptKey } from '../../asset/keys.ts';
import { decodeProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import type { AssetSnapshot } from '../../asset/proof/verify.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { height, type UnixTime } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { WalletKeys } from '../wallet/types.ts';
import { isAllProved, sameOutPoint } from './arrivals.ts';
import type { FileParts } from './history.ts';
import { holdingOf, NO_BASE } from './holding.ts';
import { handedOut } from './key-range.ts';
import type { AddressVersion, Anchor, AssetAddress, AssetState, Holding, KnownAsset } from './types.ts';

export interface AddressRequest {
  /** One asset, or (version 2 only) any asset of a group. */
  readonly of: { readonly kind: 'asset'; readonly assetId: Bytes } | { readonly kind: 'group'; readonly groupKey: Bytes };
  /** 0 in version 2: the sender says how much. */
  readonly amount: bigint;
  readonly version: AddressVersion;
  readonly assetVersion: number;
  readonly courier: string;
}

/** A new address under two fresh keys. Fails with NOT_FOUND where the asset's minting was never seen, or USAGE. */
export function newAddress(
  state: AssetState,
  env: NodeEnv,
  request: AddressRequest,
): Result<{ readonly state: AssetState; readonly address: AssetAddress }, NodeFailure> {
  const known = wanted(state, request);
  if (!known.ok) return known;
  const { genesis, groupKey } = known.value;
  const { version } = request;
  const [scriptKeyIndex, internalKeyIndex] = [state.nextKeyIndex, state.nextKeyIndex + 1];
  const { publicKey } = env.walletKeys.assetKey(scriptKeyIndex);
  const made = newTapAddress({
    version,
    assetVersion: request.assetVersion,
    groupKey,
    // Of version 2 it is the bare key: the sender tweaks it for each asset, and seals messages to it.
    scriptKey: version === ADDRESS_VERSION.V2 ? publicKey : bip86ScriptKey(publicKey).publicKey,
    internalKey: env.walletKeys.assetKey(internalKeyIndex).publicKey,
    tapscriptSibling: null,
    amount: request.amount,
    proofCourier: request.courier,
    genesis,
  });
  if (!made.ok) return fail({ code: 'USAGE', message: made.failure.message });
  const address = made.value;
  const script = watchedFor(address, genesis);
  if (!script.ok) return script;
  const record: AssetAddress = {
    text: encodeTapAddress(address, env.network),
    version,
    assetId: address.assetId,
    scriptKeyIndex,
    internalKeyIndex,
    script: script.value,
    createdAt: env.now,
    arrivals: [],
  };
  const next = { ...state, nextKeyIndex: internalKeyIndex + 1, addresses: state.addresses.set(record.script, record) };
  return ok({ state: next, address: record });
}

function wanted(state: AssetState, { of, version }: AddressRequest): Result<KnownAsset, NodeFailure> {
  const hint = 'import a proof of its minting first: `lnkit proof import FILE`';
  if (of.kind === 'asset') {
    const known = state.known.get(of.assetId);
    return known === undefined ? fail({ code: 'NOT_FOUND', message: `asset ${toHex(of.assetId)} is not known here`, hint }) : ok(known);
  }
  if (version < ADDRESS_VERSION.V2)
    return fail({ code: 'USAGE', message: `an address of version ${version} is for one asset, not for a group` });
  const known = [...state.known.values()].find(({ groupKey }) => sameGroup(groupKey, of.groupKey));
  return known === undefined ? fail({ code: 'NOT_FOUND', message: `group ${toHex(of.groupKey)} is not known here`, hint }) : ok(known);
}

/** Under what an address is kept: the output that will pay to it, where that is known before. */
function watchedFor(address: TapAddress, genesis: Genesis): Result<Bytes, NodeFailure> {
  if (address.version === ADDRESS_VERSION.V2) return ok(address.scriptKey);
  const key = predictedOutputKey(address, genesis);
  return key.ok ? ok(p2trScript(key.value)) : fail({ code: 'USAGE', message: key.failure.message });
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
  const owned = ownKeys(state, env.walletKeys, { asset: proof.asset, internalKey: proof.inclusionProof.internalKey });
  const fresh = holdingOf({ ...proof, additionalInputs: [] });
  const there = learned.holdings.get(fresh.key);
  if (owned === null) return ok({ state: renewed(learned, there, file), holding: null, ours: false });
  // What we made ourselves we prove ourselves.
  if (there !== undefined && there.scriptKeyIndex !== null && (there.inputs.length > 0 || isGenesisAsset(proof.asset)))
    return ok({ state: learned, holding: there, ours: true });
  const isKnown = there !== undefined && there.scriptKeyIndex !== null;
  // None of our addresses has scripts beside the assets; whoever put some there could spend the output. Only a minting of ours may have them.
  const beside = proof.inclusionProof.commitmentProof?.tapSiblingPreimage ?? null;
  if (!isKnown && beside !== null && !isGenesisAsset(proof.asset))
    return fail({ code: 'POLICY', message: 'the output of the asset has a script tree that is not ours: others could spend it' });
  if (!unspent && !isKnown) return ok({ state: learned, holding: null, ours: true });
  const base = { ...NO_BASE, head: file.before, additionalHeads: file.additionalHeads };
  // After a reorganisation it comes again, with the blocks that have its transitions now.
  const holding: Holding = isKnown ? { ...there, proof: fresh.proof, base } : { ...fresh, base, ...owned };
  const { txid } = outPointOf(proof);
  const anchors = learned.anchors.has(txid) ? learned.anchors : learned.anchors.set(txid, received(proof, env));
  const taken = { ...learned, anchors, holdings: learned.holdings.set(holding.key, holding) };
  return ok({ state: provedArrival(taken, holding, env.now), holding, ours: true });
}

/** What we bought comes from another's asset, whose history is that of the file which came last: a reorganisation puts it into other blocks. */
function renewed(state: AssetState, there: Holding | undefined, file: FileParts): AssetState {
  if (there === undefined || there.base.head === null) return state;
  const base = { ...NO_BASE, head: file.before, additionalHeads: file.additionalHeads };
  return { ...state, holdings: state.holdings.set(there.key, { ...there, base }) };
}

/** Notes that everything of an arrival is here, where it is. */
function provedArrival(state: AssetState, { facts }: Holding, now: UnixTime): AssetState {
  for (const address of state.addresses.values()) {
    const arrival = address.arrivals.find((each) => sameOutPoint(each.outPoint, facts.outPoint));
    if (arrival === undefined || !isAllProved(state, arrival)) continue;
    const arrivals = address.arrivals.map((each) => (each === arrival ? { ...each, provedAt: now, lastError: null } : each));
    return { ...state, addresses: state.addresses.set(address.script, { ...address, arrivals }) };
  }
  return state;
}

/** Takes in what arrived in one output, wholly or not at all: whoever spends one asset of an output spends them all. */
export function importFiles(state: AssetState, env: NodeEnv, files: readonly FileParts[]): Result<AssetState, NodeFailure> {
  let next = state;
  for (const file of files) {
    const imported = importFile(next, env, { file, unspent: true });
    if (!imported.ok) return imported;
    if (imported.value.holding === null) return fail({ code: 'POLICY', message: 'the proof is of an asset that is not ours' });
    next = imported.value.state;
  }
  return ok(next);
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
  // A record of before the reveal was kept takes it in now.
  const there = groupKey === null ? undefined : state.groups.get(groupKey);
  const learned = groupKeyReveal !== null && groupKey !== null && (there === undefined || there.reveal === null);
  const record = {
    groupKey,
    anchorId: id,
    rawKeyIndex: there?.rawKeyIndex ?? null,
    reveal: groupKeyReveal,
    external: there?.external ?? null,
  };
  const groups = learned ? state.groups.set(groupKey, { ...record, groupKey }) : state.groups;
  return known === state.known && groups === state.groups ? state : { ...state, known, groups };
}

/** Whether we can spend the asset of a proof. */
export const isOurs = (state: AssetState, keys: WalletKeys, proved: Pick<AssetSnapshot, 'asset' | 'internalKey'>): boolean =>
  ownKeys(state, keys, proved) !== null;

type OwnKeys = Pick<Holding, 'scriptKeyIndex' | 'scriptKeyTweak' | 'internalKeyIndex'>;

/** The keys of ours under which the asset of a proof stands; null where it is another's. */
function ownKeys(
  state: AssetState,
  keys: WalletKeys,
  { asset, internalKey }: Pick<AssetSnapshot, 'asset' | 'internalKey'>,
): OwnKeys | null {
  const wanted = xOnly(asset.scriptKey);
  const addresses = [...state.addresses.values()];
  const id = assetId(asset.genesis);
  const plain = (index: number): boolean => equal(xOnly(bip86ScriptKey(keys.assetKey(index).publicKey).publicKey), wanted);
  const derived = (index: number): ScriptKey => uniqueScriptKey(keys.assetKey(index).publicKey, id);
  const unique = addresses.find(
    (each) => each.version === ADDRESS_VERSION.V2 && equal(xOnly(derived(each.scriptKeyIndex).publicKey), wanted),
  );
  const scriptKeyIndex =
    unique?.scriptKeyIndex ??
    findKey(
      state,
      addresses.flatMap((each) => (each.version < ADDRESS_VERSION.V2 ? [each.scriptKeyIndex] : [])),
      plain,
    );
  if (scriptKeyIndex === null) return null;
  const internalKeyIndex = findKey(
    state,
    addresses.map((each) => each.internalKeyIndex),
    (index) => equal(xOnly(keys.assetKey(index).publicKey), xOnly(internalKey)),
  );
  if (internalKeyIndex === null) return null;
  return { scriptKeyIndex, scriptKeyTweak: unique === undefined ? null : derived(scriptKeyIndex).tweak, internalKeyIndex };
}

/** Those of addresses first, then all that were ever handed out. */
function findKey(state: AssetState, likely: readonly number[], fits: (index: number) => boolean): number | null {
  for (const index of likely) if (fits(index)) return index;
  for (const index of handedOut(state)) if (fits(index)) return index;
  return null;
}
