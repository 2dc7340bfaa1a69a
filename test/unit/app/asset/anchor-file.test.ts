// A commitment as it is kept in a file, and what else may stand in a file of that name.
import { expect, test } from 'vitest';
import { type AnchorFile, anchorFile, readAnchorFile, readAnchorPsbt } from '../../../../src/app/asset/anchor-file.ts';
import { AppError } from '../../../../src/app/error.ts';
import { encodePsbtMaps, type PsbtMaps } from '../../../../src/asset/packet/psbt-map.ts';
import { toHex } from '../../../../src/base/bytes.ts';
import type { TxId } from '../../../../src/base/ids.ts';
import { sat } from '../../../../src/base/units.ts';
import { p2trScript } from '../../../../src/bitcoin/script.ts';
import { txInput } from '../../../../src/bitcoin/tx.ts';

const psbt: PsbtMaps = {
  tx: {
    version: 2,
    inputs: [txInput({ txid: new Uint8Array(32).fill(7) as TxId, vout: 1 }, 0xfffffffd)],
    outputs: [{ amount: sat(1000), script: p2trScript(new Uint8Array(32).fill(2)) }],
    locktime: 9,
  },
  global: [],
  inputs: [[]],
  outputs: [[{ key: Uint8Array.of(5), value: new Uint8Array(32).fill(3) }]],
};
const whole = anchorFile({ network: 'regtest', psbt, active: [], passive: [] });

function codeOf(run: () => AnchorFile | PsbtMaps): string {
  try {
    run();
    return 'read';
  } catch (error) {
    return error instanceof AppError ? error.code : `${error}`;
  }
}

test('a commitment is read as it was written', () => {
  expect(readAnchorFile(JSON.stringify(whole), 'regtest')).toEqual({ anchor: psbt, packets: [] });
  expect(readAnchorPsbt(toHex(encodePsbtMaps(psbt)))).toEqual(psbt);
});

test.each<readonly [string, string, string]>([
  ['no JSON', 'MALFORMED', '{'],
  ['no object', 'MALFORMED', 'null'],
  ['another format', 'MALFORMED', JSON.stringify({ ...whole, format: 'lnkit-asset-swap' })],
  ['a later version', 'MALFORMED', JSON.stringify({ ...whole, version: 2 })],
  ['another network', 'WRONG_NETWORK', JSON.stringify({ ...whole, network: 'mainnet' })],
  ['no packets', 'MALFORMED', JSON.stringify({ ...whole, passive_psbts: undefined })],
  ['packets that are no text', 'MALFORMED', JSON.stringify({ ...whole, virtual_psbts: [1] })],
  ['packets without measure', 'MALFORMED', JSON.stringify({ ...whole, virtual_psbts: Array.from({ length: 501 }, () => '') })],
  ['no transaction', 'MALFORMED', JSON.stringify({ ...whole, anchor_psbt: 3 })],
  ['a transaction cut off', 'MALFORMED', JSON.stringify({ ...whole, anchor_psbt: whole.anchor_psbt.slice(0, 40) })],
  ['a transaction that is no base64', 'USAGE', JSON.stringify({ ...whole, anchor_psbt: '?' })],
])('a commitment with %s is refused (%s)', (_, code, text) => {
  expect(codeOf(() => readAnchorFile(text, 'regtest'))).toBe(code);
});
