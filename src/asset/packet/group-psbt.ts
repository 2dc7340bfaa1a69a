import { type Bytes, equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { compactSize, type Tx, type TxOutput, txOutputCodec } from '../../bitcoin/tx.ts';
import { decodeWith, encodeWith, list, varBytes } from '../../codec/codec.ts';
import { Writer } from '../../codec/writer.ts';
import type { ExternalKey, ResolvedKey } from '../external-key.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { pedersenKeys } from '../keys.ts';
import { type KeyOrigin, keyOriginCodec, taprootOriginCodec } from './derivation.ts';
import { decodePsbtMaps, encodePsbtMaps, entriesOf, entryValue, type PsbtEntry } from './psbt-map.ts';

/**
 * The virtual transaction by which an asset joins a group, as a PSBT that a signer outside can sign: BIP 174 and BIP 371 with the key's origin. The
 * leaf of the asset's id is a key that nobody has; it stands there with a fingerprint of its own, by which hardware wallets know the policy.
 */

const GLOBAL_XPUB = 0x01;
const IN = { WITNESS_UTXO: 0x01, BIP32: 0x06, FINAL_WITNESS: 0x08, TAP_SIG: 0x13, TAP_SCRIPT_SIG: 0x14, TAP_LEAF: 0x15 } as const;
const IN_TAP = { BIP32: 0x16, INTERNAL_KEY: 0x17, MERKLE_ROOT: 0x18 } as const;
/** Of the extended key around the Pedersen commitment to the id: what hardware wallets know it by. */
const PEDERSEN_FINGERPRINT = 0x7a9a55e7;
const witnessCodec = list(compactSize, varBytes(compactSize));

export interface GroupSigning {
  readonly tx: Tx;
  /** What the virtual transaction spends: the units under the group's key. */
  readonly prevOut: TxOutput;
  /** 33 bytes. */
  readonly internalKey: Bytes;
  readonly merkleRoot: Bytes | null;
  /** The id that the group's key commits to. */
  readonly anchorId: Bytes;
  readonly external: { readonly key: ExternalKey; readonly resolved: ResolvedKey } | null;
  /** First four bytes of extended public keys on this network. */
  readonly xpubVersion: number;
}

export function groupPsbt(part: GroupSigning): Bytes {
  const { tx, prevOut, internalKey, merkleRoot, external } = part;
  const global: PsbtEntry[] = [];
  const input: PsbtEntry[] = [entry(IN.WITNESS_UTXO, null, encodeWith(txOutputCodec, prevOut))];
  if (external !== null) {
    const { key, resolved } = external;
    const nums = pedersenKeys(part.anchorId);
    for (const [fingerprint, publicKey, account] of [
      [key.masterFingerprint, resolved.publicKey, resolved.account],
      [PEDERSEN_FINGERPRINT, nums.publicKey, nums.account],
    ] as const) {
      const origin: KeyOrigin = { masterFingerprint: fingerprint, path: key.path };
      const serialized = new Writer(78).u32(part.xpubVersion).u8(account.depth).u32(account.parentFingerprint).u32(account.index);
      serialized.bytes(account.chainCode).bytes(account.publicKey);
      global.push(entry(GLOBAL_XPUB, serialized.done(), encodeWith(keyOriginCodec, { ...origin, path: key.path.slice(0, account.depth) })));
      input.push(entry(IN.BIP32, publicKey, encodeWith(keyOriginCodec, origin)));
      input.push(entry(IN_TAP.BIP32, xOnly(publicKey), encodeWith(taprootOriginCodec, { ...origin, leafHashes: [] })));
    }
  }
  input.push(entry(IN_TAP.INTERNAL_KEY, null, xOnly(internalKey)));
  if (merkleRoot !== null) input.push(entry(IN_TAP.MERKLE_ROOT, null, merkleRoot));
  // BIP 174 orders nothing, and the reference writes entries by type.
  input.sort((a, b) => (a.key[0] as number) - (b.key[0] as number));
  return encodePsbtMaps({ tx, global, inputs: [input], outputs: [[]] });
}

export interface SignedGroup {
  /** Names the virtual transaction that was signed. */
  readonly spends: TxId;
  readonly witness: readonly Bytes[];
}

/** The witness in a signed PSBT: a final one, the signature of the key, or one signature with the leaf that it is for. What it is worth, the VM says. */
export function signedGroupPsbt(bytes: Bytes): Result<SignedGroup, AssetFailure<'MALFORMED'>> {
  const maps = decodePsbtMaps(bytes);
  if (!maps.ok) return maps;
  const [map] = maps.value.inputs;
  const spends = maps.value.tx.inputs[0]?.prevout.txid;
  if (map === undefined || spends === undefined || maps.value.inputs.length !== 1)
    return refuse('MALFORMED', 'a PSBT of a group has one input');
  const final = entryValue(map, IN.FINAL_WITNESS);
  if (final !== null) {
    const witness = decodeWith(witnessCodec, final);
    return witness.ok ? ok({ spends, witness: witness.value }) : refuse('MALFORMED', `the witness: ${witness.failure.message}`);
  }
  const signature = entryValue(map, IN.TAP_SIG);
  if (signature !== null) return ok({ spends, witness: [signature] });
  const [leaf, ...leaves] = entriesOf(map, IN.TAP_LEAF);
  const [signed, ...others] = entriesOf(map, IN.TAP_SCRIPT_SIG);
  if (leaf !== undefined && signed !== undefined && leaves.length === 0 && others.length === 0)
    return ok({ spends, witness: [signed.value, leaf.value.slice(0, -1), leaf.key.slice(1)] });
  return refuse('MALFORMED', 'the PSBT is not signed');
}

const entry = (type: number, data: Bytes | null, value: Bytes): PsbtEntry => {
  const key = new Writer(1 + (data?.length ?? 0)).u8(type);
  if (data !== null) key.bytes(data);
  return { key: key.done(), value };
};

/** Whether a signed PSBT is of this virtual transaction. */
export const isOf = ({ spends }: SignedGroup, tx: Tx): boolean => tx.inputs.some(({ prevout }) => equal(prevout.txid, spends));
