import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeTx, formatTxId, txId } from '../../src/bitcoin/tx.ts';
import { fundingScript } from '../../src/bolt/channel/transactions.ts';
import vectors from './bolt03-funding-tx.json' with { type: 'json' };

const [local, remote] = [fromHex(vectors.local_funding_pubkey), fromHex(vectors.remote_funding_pubkey)];

test('BOLT 3 appendix B: the funding output pays to the 2-of-2 of both keys, whoever is named first', () => {
  const tx = decodeTx(fromHex(vectors.funding_tx));
  if (!tx.ok) throw new Error('the funding transaction decodes');
  expect(formatTxId(txId(tx.value))).toBe(vectors.txid);
  for (const { witnessScript, script } of [fundingScript(local, remote), fundingScript(remote, local)]) {
    expect(toHex(witnessScript)).toBe(vectors.funding_witness_script);
    expect(toHex(script)).toBe(toHex(tx.value.outputs[vectors.funding_output]?.script ?? new Uint8Array()));
  }
  expect(Number(tx.value.outputs[vectors.funding_output]?.amount)).toBe(vectors.funding_satoshis);
});
