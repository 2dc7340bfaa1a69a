// Blinded paths as they are named on the command line: what a payer knows of one, which is all that planning and probing need.
import { EMPTY, fromHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { msat } from '../../base/units.ts';
import type { BlindedTail } from '../../bolt/route/query.ts';
import { AppError } from '../error.ts';
import { amount, count, hex, object, type TypeOf } from '../schema.ts';

export const blindedPathSchema = object(
  { node_id: hex(33, { description: 'the introduction point' }) },
  {
    fee_base_msat: amount(),
    fee_proportional_millionths: count(),
    cltv_expiry_delta: count(),
    htlc_minimum_msat: amount(),
    htlc_maximum_msat: amount(),
    hops: count({ description: 'nodes behind the introduction point' }),
    onion_bytes: count({ description: 'what its payloads take of the 1300 bytes of an onion' }),
  },
);
export type BlindedPathParams = TypeOf<typeof blindedPathSchema>;

/** An encrypted record of a hop, as lnd and Core Lightning write it, with its frame. */
const USUAL_BLINDED_BYTES = 140;

/** A path of which only what it asks is told. */
export function tailOf(path: BlindedPathParams): BlindedTail {
  const { hops = 1 } = path;
  return {
    nodeId: fromHex(path.node_id) as NodeId,
    feeBaseMsat: Number(path.fee_base_msat ?? 0),
    feeProportionalMillionths: path.fee_proportional_millionths ?? 0,
    cltvExpiryDelta: path.cltv_expiry_delta ?? 0,
    htlcMinimumMsat: msat(path.htlc_minimum_msat ?? 0),
    htlcMaximumMsat: msat(path.htlc_maximum_msat ?? Number.MAX_SAFE_INTEGER),
    hops,
    onionBytes: path.onion_bytes ?? (hops + 1) * USUAL_BLINDED_BYTES,
    features: EMPTY,
  };
}

const NUMBERS = [
  'fee_base_msat',
  'fee_proportional_millionths',
  'cltv_expiry_delta',
  'htlc_minimum_msat',
  'htlc_maximum_msat',
  'hops',
  'onion_bytes',
] as const;

/** NODE_ID,fee_base_msat=1000,cltv_expiry_delta=80... Throws USAGE. */
export function blindedPathOf(text: string): BlindedPathParams {
  const [node = '', ...words] = text.split(',');
  const wrong = (what: string): AppError =>
    new AppError({
      code: 'USAGE',
      message: `--blinded-path ${text}: ${what}`,
      hint: `a node id, then any of ${NUMBERS.map((name) => `${name}=N`).join(',')}`,
    });
  if (!/^0[23][0-9a-fA-F]{64}$/.test(node)) throw wrong('it begins with the introduction point’s node id');
  const found: { [name: string]: number } = {};
  for (const word of words) {
    const [name = '', value = ''] = word.split('=');
    if (!NUMBERS.some((known) => known === name)) throw wrong(`there is no "${name}"`);
    if (!/^\d{1,16}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) throw wrong(`${name} is a whole number`);
    found[name] = Number(value);
  }
  return { node_id: node.toLowerCase(), ...found };
}
