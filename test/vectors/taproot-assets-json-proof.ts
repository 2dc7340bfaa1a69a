import type { CommitmentProof } from '../../src/asset/commitment/proof.ts';
import { decodeProof } from '../../src/asset/mssmt/proof.ts';
import type { Proof } from '../../src/asset/proof/proof.ts';
import type { OutputCommitmentProof, TaprootProof } from '../../src/asset/proof/taproot-proof.ts';
import { type Bytes, fromHex, reversed, utf8 } from '../../src/base/bytes.ts';
import type { BlockHash } from '../../src/base/ids.ts';
import { decodeTx, type Tx } from '../../src/bitcoin/tx.ts';
import { assetOfJson, type JsonAsset, type JsonUnknown, outPointOf, siblingOfJson, unknownOf } from './taproot-assets-json.ts';

/** The JSON form of tapd's proof vectors. */
interface JsonTreeProof {
  readonly proof: string;
  readonly version: number;
  readonly tap_key?: string;
  readonly unknown_odd_types: JsonUnknown;
}
interface JsonCommitmentProof {
  readonly asset_proof: JsonTreeProof | null;
  readonly taproot_asset_proof: JsonTreeProof;
  readonly unknown_odd_types: JsonUnknown;
}
interface JsonTaprootProof {
  readonly output_index: number;
  readonly internal_key: string;
  readonly commitment_proof: {
    readonly proof: JsonCommitmentProof;
    readonly tapscript_sibling: string;
    readonly stxo_proofs: Readonly<Record<string, JsonCommitmentProof>> | null;
    readonly unknown_odd_types: JsonUnknown;
  } | null;
  readonly tapscript_proof: {
    readonly tap_preimage_1: string;
    readonly tap_preimage_2: string;
    readonly bip86: boolean;
    readonly unknown_odd_types: JsonUnknown;
  } | null;
  readonly unknown_odd_types: JsonUnknown;
}
export interface JsonProof {
  readonly version: number;
  readonly prev_out: string;
  readonly block_header: {
    readonly version: number;
    readonly prev_block: string;
    readonly merkle_root: string;
    readonly timestamp: number;
    readonly bits: number;
    readonly nonce: number;
  };
  readonly block_height: number;
  readonly anchor_tx: string;
  readonly tx_merkle_proof: { readonly nodes: readonly string[]; readonly bits: readonly boolean[] };
  readonly asset: JsonAsset;
  readonly inclusion_proof: JsonTaprootProof;
  readonly exclusion_proofs: readonly JsonTaprootProof[] | null;
  readonly split_root_proof: JsonTaprootProof | null;
  readonly meta_reveal: {
    readonly type: number;
    readonly data: string;
    readonly decimal_display: number | null;
    readonly universe_commitments: boolean | null;
    readonly canonical_universes: readonly string[] | null;
    readonly delegation_key: string | null;
    readonly unknown_odd_types: JsonUnknown;
  } | null;
  readonly additional_inputs: readonly string[] | null;
  readonly challenge_witness: readonly string[] | null;
  readonly genesis_reveal: {
    readonly first_prev_out: string;
    readonly tag: string;
    readonly meta_hash: string;
    readonly output_index: number;
    readonly type: number;
  } | null;
  readonly group_key_reveal: { readonly raw_key: string; readonly tapscript_root: string | null } | null;
  readonly alt_leaves: readonly JsonAsset[] | null;
  readonly unknown_odd_types: JsonUnknown;
}

const hash = (text: string): Bytes => reversed(fromHex(text));
const orNull = (text: string | null): Bytes | null => (text === null || text === '' ? null : fromHex(text));

const treeProof = (json: JsonTreeProof) => {
  const proof = decodeProof(fromHex(json.proof));
  if (!proof.ok) throw new Error(proof.failure.message);
  return { version: json.version, proof: proof.value, unknown: unknownOf(json.unknown_odd_types) };
};

const commitmentProofOf = (json: JsonCommitmentProof): CommitmentProof => ({
  assetProof: json.asset_proof === null ? null : { ...treeProof(json.asset_proof), tapKey: fromHex(json.asset_proof.tap_key as string) },
  taprootAssetProof: treeProof(json.taproot_asset_proof),
  unknown: unknownOf(json.unknown_odd_types),
});

const outputProofOf = (json: NonNullable<JsonTaprootProof['commitment_proof']>): OutputCommitmentProof => ({
  ...commitmentProofOf(json.proof),
  tapSiblingPreimage: siblingOfJson(json.tapscript_sibling),
  stxoProofs: Object.entries(json.stxo_proofs ?? {}).map(([key, proof]) => ({ scriptKey: fromHex(key), proof: commitmentProofOf(proof) })),
  unknown: unknownOf(json.unknown_odd_types),
});

const taprootProofOf = (json: JsonTaprootProof): TaprootProof => ({
  outputIndex: json.output_index,
  internalKey: fromHex(json.internal_key),
  commitmentProof: json.commitment_proof === null ? null : outputProofOf(json.commitment_proof),
  tapscriptProof:
    json.tapscript_proof === null
      ? null
      : {
          tapPreimage1: siblingOfJson(json.tapscript_proof.tap_preimage_1),
          tapPreimage2: siblingOfJson(json.tapscript_proof.tap_preimage_2),
          bip86: json.tapscript_proof.bip86,
          unknown: unknownOf(json.tapscript_proof.unknown_odd_types),
        },
  unknown: unknownOf(json.unknown_odd_types),
});

const txOf = (text: string): Tx => {
  const tx = decodeTx(fromHex(text));
  if (!tx.ok) throw new Error(tx.failure.message);
  return tx.value;
};

const metaOf = (json: NonNullable<JsonProof['meta_reveal']>): NonNullable<Proof['metaReveal']> => ({
  type: json.type,
  data: fromHex(json.data),
  decimalDisplay: json.decimal_display,
  universeCommitments: json.universe_commitments ?? false,
  canonicalUniverses: json.canonical_universes === null || json.canonical_universes.length === 0 ? null : json.canonical_universes,
  delegationKey: orNull(json.delegation_key),
  unknown: unknownOf(json.unknown_odd_types),
});

export function proofOfJson(json: JsonProof): Proof {
  const header = json.block_header;
  const genesis = json.genesis_reveal;
  const group = json.group_key_reveal;
  return {
    version: json.version,
    prevOut: outPointOf(json.prev_out),
    blockHeader: {
      version: header.version,
      previous: hash(header.prev_block) as BlockHash,
      merkleRoot: hash(header.merkle_root),
      time: header.timestamp,
      bits: header.bits,
      nonce: header.nonce,
    },
    blockHeight: json.block_height,
    anchorTx: txOf(json.anchor_tx),
    txMerkleProof: { nodes: json.tx_merkle_proof.nodes.map(hash), bits: json.tx_merkle_proof.bits },
    asset: assetOfJson(json.asset),
    inclusionProof: taprootProofOf(json.inclusion_proof),
    exclusionProofs: (json.exclusion_proofs ?? []).map(taprootProofOf),
    splitRootProof: json.split_root_proof === null ? null : taprootProofOf(json.split_root_proof),
    metaReveal: json.meta_reveal === null ? null : metaOf(json.meta_reveal),
    additionalInputs: (json.additional_inputs ?? []).map(fromHex),
    challengeWitness: json.challenge_witness === null ? null : json.challenge_witness.map(fromHex),
    genesisReveal:
      genesis === null
        ? null
        : {
            firstPrevOut: outPointOf(genesis.first_prev_out),
            tag: utf8(genesis.tag),
            metaHash: fromHex(genesis.meta_hash),
            outputIndex: genesis.output_index,
            type: genesis.type,
          },
    groupKeyReveal: group === null ? null : { version: 0, rawKey: fromHex(group.raw_key), tapscriptRoot: orNull(group.tapscript_root) },
    altLeaves: (json.alt_leaves ?? []).map(assetOfJson),
    unknown: unknownOf(json.unknown_odd_types),
  };
}
