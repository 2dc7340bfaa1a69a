import { type AddressCode, decodeTapAddress } from '../../asset/address/address.ts';
import { networksOfPrefix } from '../../asset/address/network.ts';
import { type Asset, isGenesisAsset, splitOf } from '../../asset/asset.ts';
import { assetId, assetName } from '../../asset/genesis.ts';
import type { GroupKeyReveal } from '../../asset/group-key.ts';
import { isBurn, isTombstone } from '../../asset/keys.ts';
import { readFile } from '../../asset/proof/file.ts';
import { META_TYPE, type MetaReveal } from '../../asset/proof/meta.ts';
import { decodeProof, isProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { preCommitmentOf } from '../../asset/supply/commitment.ts';
import { type Bytes, fromHex, toHex, tryText } from '../../base/bytes.ts';
import { blockHash, formatBlockHash } from '../../bitcoin/block.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { isErrorCode } from '../error.ts';
import { typeName } from '../forms/asset.ts';
import type { JsonObject } from '../operation.ts';
import { problemsOf } from './asset-problems.ts';
import { type Decoded, type DecodeEnv, NOTHING, refused } from './types.ts';

const codeOf = (code: AddressCode | string) => (isErrorCode(code) ? code : 'MALFORMED');

/** A Taproot Assets address. Three test networks share a prefix: all that it may mean are listed. */
export function decodeAssetAddress(text: string, env: DecodeEnv): Decoded {
  const decoded = decodeTapAddress(text);
  if (!decoded.ok) {
    const { code, message } = decoded.failure;
    return refused({ kind: 'asset_address', network: null }, { code: codeOf(code), message });
  }
  const { address, networks } = decoded.value;
  const fits = env.network === null || networks.some((name) => name === env.network);
  const only = networks.length === 1 ? (networks[0] ?? null) : null;
  const json = {
    kind: 'asset_address',
    network: fits && env.network !== null ? env.network : only,
    valid: true,
    problems: fits ? [] : [`wrong network: it is for ${networks.join(' or ')}, not for ${env.network}`],
    networks,
    version: address.version,
    asset_version: address.assetVersion,
    asset_id: address.assetId === null ? null : toHex(address.assetId),
    group_key: address.groupKey === null ? null : toHex(address.groupKey),
    amount: `${address.amount}`,
    script_key: toHex(address.scriptKey),
    internal_key: toHex(address.internalKey),
    tapscript_sibling: address.tapscriptSibling === null ? null : toHex(address.tapscriptSibling.preimage),
    proof_courier: address.proofCourier,
    unknown_records: address.unknown.map(({ type, value }) => ({ type: `${type}`, value: toHex(value) })),
  };
  const prefix = text.slice(0, text.lastIndexOf('1'));
  const explain = () => [
    { at: 0, raw: prefix, name: 'prefix', meaning: networksOfPrefix(prefix.toLowerCase()).join(' or ') },
    { at: prefix.length, raw: '1', name: 'separator', meaning: 'the data begins' },
    { at: prefix.length + 1, raw: text.slice(prefix.length + 1, -6), name: 'records', meaning: 'version, asset, keys, amount, courier' },
    { at: text.length - 6, raw: text.slice(-6), name: 'checksum', meaning: 'bech32m' },
  ];
  return { json, error: null, explain };
}

/** A proof file, or one transition, in hexadecimal. Only its form is looked at: `lnkit proof verify` asks the chain. */
export function decodeAssetProof(text: string): Decoded {
  const bytes = fromHex(text);
  const kind = isProof(bytes) ? 'asset_proof' : 'asset_proof_file';
  const bad = (failure: { readonly code: string; readonly message: string }): Decoded =>
    refused({ kind, network: null }, { code: codeOf(failure.code), message: failure.message });
  const raws = isProof(bytes) ? { ok: true as const, value: [bytes] as readonly Bytes[] } : readFile(bytes);
  if (!raws.ok) return bad(raws.failure);
  const transitions: JsonObject[] = [];
  const problems: string[] = [];
  for (const [index, raw] of raws.value.entries()) {
    const proof = decodeProof(raw);
    if (!proof.ok) return bad(proof.failure);
    transitions.push(transitionJson(proof.value));
    problems.push(...problemsOf(proof.value).map((problem) => `transition ${index}: ${problem}`));
  }
  if (transitions.length === 0) return bad({ code: 'MALFORMED', message: 'the proof file is empty' });
  return { json: { kind, network: null, valid: true, problems, transitions }, error: null, explain: NOTHING };
}

function transitionJson(proof: Proof): JsonObject {
  const { asset, metaReveal, groupKeyReveal } = proof;
  return {
    version: proof.version,
    ...assetJson(asset),
    prev_outpoint: formatOutPoint(proof.prevOut),
    outpoint: formatOutPoint(outPointOf(proof)),
    block_height: proof.blockHeight,
    block_hash: formatBlockHash(blockHash(proof.blockHeader)),
    exclusion_proofs: proof.exclusionProofs.length,
    split_root: proof.splitRootProof !== null,
    additional_inputs: proof.additionalInputs.length,
    group_key_reveal: groupKeyReveal === null ? null : groupKeyReveal.version,
    group: groupKeyReveal === null ? null : groupJson(groupKeyReveal),
    meta: metaReveal === null ? null : metaJson(metaReveal),
    supply_pre_commitment: preCommitmentJson(proof),
    alt_leaves: proof.altLeaves.length,
    challenge: proof.challengeWitness !== null,
    unknown_records: proof.unknown.map(({ type, value }) => ({ type: `${type}`, value: toHex(value) })),
  };
}

const assetJson = (asset: Asset): JsonObject => ({
  asset_id: toHex(assetId(asset.genesis)),
  group_key: asset.groupKey === null ? null : toHex(asset.groupKey),
  name: assetName(asset.genesis),
  type: typeName(asset.genesis.type),
  amount: `${asset.amount}`,
  asset_version: asset.version,
  script_key: toHex(asset.scriptKey),
  lock_time: `${asset.lockTime}`,
  relative_lock_time: `${asset.relativeLockTime}`,
  what: whatIs(asset),
});

function whatIs(asset: Asset): string {
  if (isGenesisAsset(asset)) return 'minted';
  if (isTombstone(asset)) return 'tombstone';
  if (isBurn(asset)) return 'burnt';
  return splitOf(asset) === null ? 'transferred' : 'split';
}

/** How the key of a new group came about. */
const groupJson = (reveal: GroupKeyReveal): JsonObject => ({
  version: reveal.version,
  raw_key: toHex(reveal.version === 0 ? reveal.rawKey : reveal.internalKey),
  tapscript_root: reveal.tapscriptRoot === null ? null : toHex(reveal.tapscriptRoot),
  custom_subtree_root: reveal.version === 0 || reveal.customSubtreeRoot === null ? null : toHex(reveal.customSubtreeRoot),
});

/** The output that the issuer's next commitment to the supply spends. */
function preCommitmentJson({ anchorTx, metaReveal }: Proof): string | null {
  const key = metaReveal === null ? null : metaReveal.delegationKey;
  const outPoint = key === null ? null : preCommitmentOf(anchorTx, key);
  return outPoint === null ? null : formatOutPoint(outPoint);
}

const metaJson = ({
  type,
  data,
  decimalDisplay,
  universeCommitments,
  canonicalUniverses,
  delegationKey,
  unknown,
}: MetaReveal): JsonObject => ({
  type: type === META_TYPE.JSON ? 'json' : type === META_TYPE.OPAQUE ? 'opaque' : `${type}`,
  data: toHex(data),
  text: tryText(data),
  decimal_display: decimalDisplay,
  universe_commitments: universeCommitments,
  canonical_universes: canonicalUniverses ?? [],
  delegation_key: delegationKey === null ? null : toHex(delegationKey),
  unknown_records: unknown.map(({ type: number, value }) => ({ type: `${number}`, value: toHex(value) })),
});
