import type { NodeRef } from '../../asset/mssmt/node.ts';
import type { ProofType, UniverseId } from '../../asset/universe/id.ts';
import { toHex, tryHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { parseTxId } from '../../bitcoin/tx.ts';
import type { Page, UniverseFailure, UniverseRoot } from '../../io/universe/contract.ts';
import { findUniverse, listUniverses, type StoredUniverse } from '../../io/universe/leaves.ts';
import type { LocalUniverse } from '../../io/universe/local.ts';
import { universesNamed } from '../../io/universe/stats.ts';
import { notFound, usage } from '../define.ts';
import { AppError, type ErrorCode } from '../error.ts';
import { choice, count, hex, nullable, object, type TypeOf, text } from '../schema.ts';

export const PROOF_TYPES = ['issuance', 'transfer'] as const;
export const proofType = () => choice(PROOF_TYPES, { description: 'mintings and transfers stand in trees of their own' });
/** A u64 as a decimal string. */
export const sum = () => text({ pattern: '^\\d+$' });

export const refSchema = object({ hash: hex(32), sum: sum() });
export const refJson = ({ hash, sum: total }: NodeRef): TypeOf<typeof refSchema> => ({ hash: toHex(hash), sum: `${total}` });

export const idFields = { proof_type: proofType(), asset_id: nullable(hex(32)), group_key: nullable(hex(33)) };
const idSchema = object(idFields);
export const idJson = ({ proofType: type, of }: UniverseId): TypeOf<typeof idSchema> => ({
  proof_type: type,
  asset_id: of.kind === 'asset' ? toHex(of.assetId) : null,
  group_key: of.kind === 'group' ? toHex(of.groupKey) : null,
});

export const rootSchema = object({ ...idFields, name: text(), root: refSchema });
export const rootJson = ({ id, root, assetName }: UniverseRoot): TypeOf<typeof rootSchema> => ({
  ...idJson(id),
  name: assetName,
  root: refJson(root),
});

export const pageFields = { offset: count(), limit: count({ description: 'at most 512' }) };
export const MOST = 512;

/** The trees of what is named: an asset id, a group key, or a name that only one asset or group of our universe has. Throws NOT_FOUND or USAGE. */
export function namedUniverses(universe: LocalUniverse, given: string, types: readonly ProofType[] = PROOF_TYPES): readonly UniverseId[] {
  const bytes = tryHex(given);
  const found = universesNamed(universe.database, given, bytes?.length === 32 || bytes?.length === 33 ? bytes : null);
  const [of, second] = found;
  if (of === undefined) throw notFound(`there is no asset ${given} in this universe`, 'give its id, or the key of its group');
  if (second !== undefined) throw usage(`"${given}" names ${found.length} assets`, 'give the asset id, or the key of the group');
  return types.map((type) => ({ proofType: type, of }));
}

/** The trees of what is named that are there; all of a type, or of both, where nothing is. Throws as `namedUniverses` does. */
export function treesOf(
  universe: LocalUniverse,
  part: { readonly asset?: string | undefined; readonly proof_type?: ProofType | undefined } & Page,
): readonly StoredUniverse[] {
  const { asset, proof_type: type, offset, limit } = part;
  const { database } = universe;
  if (asset === undefined) return listUniverses(database, { offset, limit: Math.min(limit, MOST) }, type ?? null);
  const ids = namedUniverses(universe, asset, type === undefined ? PROOF_TYPES : [type]);
  return ids.flatMap((id) => findUniverse(database, id) ?? []);
}

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** tapd's port for universes. */
const DEFAULT_PORT = 10_029;

/** HOST, HOST:PORT or [IPV6]:PORT. Throws USAGE. */
export function placeOf(given: string): Place {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(given);
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (match === null || port < 1 || port > 65_535) throw usage(`"${given}" is no universe`, 'a universe is HOST:PORT');
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}
export const showPlace = ({ host, port }: Place): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** TXID:VOUT. Throws USAGE. */
export function outPointOf(given: string): OutPoint {
  const [, id = '', vout = ''] = /^([0-9a-f]{64}):(\d{1,10})$/i.exec(given) ?? [];
  const txid = parseTxId(id);
  if (txid === null || Number(vout) > 0xffffffff) throw usage(`"${given}" is no output`, 'an output is TXID:VOUT');
  return { txid, vout: Number(vout) };
}

const CODES: { readonly [C in UniverseFailure['code']]: ErrorCode } = {
  UNREACHABLE: 'PEER_UNREACHABLE',
  PROTOCOL: 'PEER_ERROR',
  REFUSED: 'POLICY',
  INVALID: 'PEER_ERROR',
  UNKNOWN_PREDECESSOR: 'NOT_FOUND',
  TOO_LARGE: 'PEER_ERROR',
  TIMEOUT: 'TIMEOUT',
};

export function universeError({ code, message }: UniverseFailure, details?: AppError['details']): AppError {
  const hint = code === 'UNREACHABLE' ? { hint: 'is a universe there: tapd, or `lnkit universe serve`?' } : {};
  return new AppError({ code: CODES[code], message, ...hint, details: { reason: code, ...details } });
}
