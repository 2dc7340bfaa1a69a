import { describe, expect, it } from 'vitest';
import { FAILURES, type FailureName } from '../../src/bolt/wire/failure.ts';
import { messageDefinitions } from '../../src/bolt/wire/message.ts';
import * as types from '../../src/bolt/wire/types.ts';
import formats from './bolt-wire-formats.json' with { type: 'json' };

interface SpecField {
  readonly name: string;
  readonly type: string;
  readonly count?: string;
}
interface SpecMessage {
  readonly name: string;
  readonly type: number | string;
  readonly fields: readonly SpecField[];
  readonly onion_failure?: boolean;
}
interface SpecRecord {
  readonly type: string;
  readonly name: string;
  readonly fields: readonly SpecField[];
}

const specMessages = formats.messages as readonly SpecMessage[];
const streams = formats.tlv_streams as unknown as { readonly [name: string]: readonly SpecRecord[] };

/** Streams that the extraction tool of the specification does not see, as BOLT 2 has them. */
const attribution: readonly SpecRecord[] = [
  {
    type: '1',
    name: 'attribution_data',
    fields: [
      { name: 'htlc_hold_times', type: 'u32', count: '20' },
      { name: 'truncated_hmacs', type: 'sha256[..4]', count: '210' },
    ],
  },
];
const unseen: { readonly [name: string]: readonly SpecRecord[] } = {
  update_fulfill_htlc_tlvs: attribution,
  update_fail_htlc_tlvs: attribution,
};

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

/** The fields with counts folded into what they count, in the notation of `Shape.bolt`. */
function folded(fields: readonly SpecField[]): (readonly [string, string])[] {
  const counts = new Map(fields.filter((f) => fields.some((g) => g.count === f.name)).map((f) => [f.name, f.type]));
  return fields
    .filter((f) => !counts.has(f.name) && f.name !== 'tlvs')
    .map((f) => [camel(f.name), f.count === undefined ? f.type : `${counts.get(f.count) ?? f.count}*${f.type}`]);
}

const shapes = (fields: { readonly [name: string]: { readonly shape: types.Shape } }) =>
  Object.entries(fields).map(([name, codec]) => [name, codec.shape.bolt]);

/** Messages of a draft: their vectors are in `gossip-version-2.test.ts`. */
const drafts = new Set(['announcement_signatures_2', 'channel_announcement_2', 'node_announcement_2', 'channel_update_2']);

describe('the message table is that of the BOLTs', () => {
  const peer = specMessages.filter((message) => message.onion_failure !== true);

  it('holds every peer message and no other', () => {
    const names = messageDefinitions.map((d) => d.name).filter((name) => !drafts.has(name));
    expect(names.toSorted()).toEqual(peer.map((m) => m.name).toSorted());
    expect(new Set(messageDefinitions.map((d) => d.type)).size).toBe(messageDefinitions.length);
  });

  it.each(peer.map((message) => [message.name, message] as const))('%s: number, fields, records', (name, spec) => {
    const definition = messageDefinitions.find((d) => d.name === name)!;
    expect(definition.type).toBe(spec.type);
    expect(shapes(definition.fields)).toEqual(folded(spec.fields));

    const stream = spec.fields.find((field) => field.name === 'tlvs')?.type ?? `${name}_tlvs`;
    const records = streams[stream] ?? unseen[stream] ?? [];
    expect(Object.entries(definition.tlvs).map(([record, [type]]) => [record, type])).toEqual(
      records.map((record) => [camel(record.name), BigInt(record.type)]),
    );
    for (const record of records) {
      const shape = definition.tlvs[camel(record.name)]![1].shape;
      const fields = folded(record.fields);
      if (fields.length === 0) expect(shape.kind).toBe('present');
      else if (fields.length === 1) expect(shape.bolt).toBe(fields[0]![1]);
      else expect(shape.kind === 'struct' && shape.fields.map(([field, { bolt }]) => [field, bolt])).toEqual(fields);
    }
  });

  it('gives amounts their unit', () => {
    for (const { name, fields } of messageDefinitions)
      for (const [field, codec] of Object.entries(fields)) {
        if (field.endsWith('Msat') && field !== 'feeBaseMsat') expect([name, field, codec]).toEqual([name, field, types.msat]);
        if (/Satoshis$|^sats$/.test(field)) expect([types.sat, types.signedSat], `${name}.${field}`).toContain(codec);
        if (/feerate/i.test(field)) expect([name, field, codec]).toEqual([name, field, types.feerate]);
      }
  });

  it('describes the subtypes as they are', () => {
    const { witness, channel_update_checksums } = formats.subtypes as unknown as { [name: string]: readonly SpecField[] };
    expect(folded(witness!)).toEqual([['witnessData', types.varBytes.shape.bolt]]);
    const table = messageDefinitions.find((d) => d.name === 'reply_channel_range')!.tlvs['checksumsTlv']![1].shape;
    const item = table.kind === 'list' ? table.item : table;
    expect(item.kind === 'struct' && item.fields.map(([field, { bolt }]) => [field, bolt])).toEqual(folded(channel_update_checksums!));
  });
});

describe('the failure table is that of BOLT 4', () => {
  const flags: { readonly [flag: string]: number } = { BADONION: 0x8000, PERM: 0x4000, NODE: 0x2000, UPDATE: 0x1000 };
  const failures = specMessages.filter((message) => message.onion_failure === true);

  it('holds every failure and no other', () => {
    expect(Object.keys(FAILURES).toSorted()).toEqual(failures.map((f) => f.name).toSorted());
  });

  it.each(failures.map((failure) => [failure.name, failure] as const))('%s: code and fields', (name, spec) => {
    const [code, fields] = FAILURES[name as FailureName];
    const expected = String(spec.type)
      .split('|')
      .reduce((sum, part) => sum | (flags[part] ?? Number(part)), 0);
    expect(code).toBe(expected);
    expect(shapes(fields)).toEqual(folded(spec.fields));
  });
});
