import type { Schema } from '../operation.ts';
import { amount, anything, count, delta, errorSchema, flag, hex, list, nullable, record, scid, text, time } from '../schema.ts';

const common = {
  kind: text(),
  network: nullable(text()),
  valid: flag(),
  problems: list(text()),
};

const explain = list({
  type: 'object',
  properties: { at: count(), raw: text(), name: text(), meaning: text() },
  required: ['at', 'raw', 'name', 'meaning'],
  additionalProperties: false,
});

/** All of `properties`, and the pieces of --explain. */
const kind = (name: string, properties: { readonly [name: string]: Schema }): Schema => ({
  type: 'object',
  properties: { ...common, kind: { const: name }, valid: { const: true }, ...properties, explain },
  required: [...Object.keys(common), ...Object.keys(properties)],
  additionalProperties: false,
});

const feature = {
  type: 'object',
  properties: { bit: count(), name: nullable(text()), required: flag() },
  required: ['bit', 'name', 'required'],
  additionalProperties: false,
};

const hop = {
  type: 'object',
  properties: {
    node_id: hex(33),
    short_channel_id: scid(),
    fee_base_msat: amount(),
    fee_proportional_millionths: count(),
    cltv_expiry_delta: count(),
  },
  required: ['node_id', 'short_channel_id', 'fee_base_msat', 'fee_proportional_millionths', 'cltv_expiry_delta'],
  additionalProperties: false,
};

const transaction = {
  txid: hex(32),
  version: delta(),
  locktime: count(),
  weight: count(),
  vsize: count(),
  inputs: list(anything()),
  outputs: list(anything()),
};

const refusal: Schema = {
  type: 'object',
  properties: { ...common, valid: { const: false }, error: errorSchema, name: text(), type: count(), explain },
  required: [...Object.keys(common), 'error'],
  additionalProperties: false,
};

/** One answer of `decode`, whatever the thing is. */
export const decodeSchema: Schema = {
  anyOf: [
    kind('bolt11', {
      amount_msat: nullable(amount()),
      timestamp: time(),
      expires_at: time(),
      expiry: count(),
      payment_hash: hex(32),
      payment_secret: hex(32),
      description: nullable(text()),
      description_hash: nullable(hex(32)),
      payee: hex(33),
      min_final_cltv_expiry_delta: count(),
      features: list(feature),
      fallback_addresses: list(text()),
      routes: list(list(hop)),
      payment_metadata: nullable(hex()),
      signature: hex(64),
      signature_recovery: count(),
      unknown_fields: list(anything()),
    }),
    kind('address', {
      networks: list(text()),
      address: text(),
      type: text(),
      script: hex(),
      witness_version: nullable(count()),
      witness_program: nullable(hex()),
    }),
    kind('transaction', transaction),
    kind('psbt', {
      version: count(),
      fee_sat: nullable(delta()),
      tx: nullable(record(anything())),
      inputs: list(record(anything())),
      outputs: list(record(anything())),
    }),
    {
      ...kind('message', { name: text(), type: count(), fields: record(anything()), tlvs: record(anything()) }),
      additionalProperties: { anyOf: [list(feature), text(), explain] },
    },
    kind('short_channel_id', { short_channel_id: scid(), block_height: count(), tx_index: count(), output_index: count(), number: text() }),
    kind('bip21', {
      address: nullable(record(anything())),
      amount_msat: nullable(amount()),
      label: nullable(text()),
      message: nullable(text()),
      lightning: nullable(record(anything())),
    }),
    kind('asset_address', {
      networks: list(text()),
      version: count(),
      asset_version: count(),
      asset_id: nullable(hex(32)),
      group_key: nullable(hex(33)),
      amount: text({ pattern: '^\\d+$' }),
      script_key: hex(33),
      internal_key: hex(33),
      tapscript_sibling: nullable(hex()),
      proof_courier: text(),
      unknown_records: list(anything()),
    }),
    kind('asset_psbt', {
      networks: list(text()),
      version: count(),
      id: hex(32),
      complete: flag(),
      inputs: list(record(anything())),
      outputs: list(record(anything())),
    }),
    kind('asset_proof', { transitions: list(record(anything())) }),
    kind('asset_proof_file', { transitions: list(record(anything())) }),
    refusal,
  ],
};
