import { Buffer } from 'node:buffer';
import type { Bytes } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { encodeAddress } from '../../bitcoin/address.ts';
import { encodeBlock, encodeBlockHeader, formatBlockHash } from '../../bitcoin/block.ts';
import { classifyScript, type ScriptKind } from '../../bitcoin/script.ts';
import { encodeTx, formatTxId, type Tx, type TxOutput, txId, txVsize, txWeight } from '../../bitcoin/tx.ts';
import type { RegtestChain } from './chain.ts';
import { type BlockNode, chainWork, coinKey, difficulty, isCoinbase, medianTimePast, targetOf, wtxId } from './consensus.ts';

/** The chain's things as bitcoind's RPC and Esplora's REST show them (without disassembled scripts). */

export const hex = (bytes: Bytes): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
/** Bitcoin as a JSON number, as bitcoind writes amounts. */
export const btc = (sats: bigint): number => Number(sats) / 1e8;
export const rawTx = (tx: Tx): string => hex(encodeTx(tx));
export const rawBlock = (node: BlockNode): Bytes => encodeBlock({ header: node.header, txs: node.txs });

const RPC_TYPES: { readonly [K in ScriptKind]: string } = {
  p2pkh: 'pubkeyhash',
  p2sh: 'scripthash',
  p2wpkh: 'witness_v0_keyhash',
  p2wsh: 'witness_v0_scripthash',
  p2tr: 'witness_v1_taproot',
  p2a: 'anchor',
  witness_unknown: 'witness_unknown',
  op_return: 'nulldata',
  nonstandard: 'nonstandard',
};

const ESPLORA_TYPES: { readonly [K in ScriptKind]: string } = {
  p2pkh: 'p2pkh',
  p2sh: 'p2sh',
  p2wpkh: 'v0_p2wpkh',
  p2wsh: 'v0_p2wsh',
  p2tr: 'v1_p2tr',
  p2a: 'anchor',
  witness_unknown: 'unknown',
  op_return: 'op_return',
  nonstandard: 'unknown',
};

/** Blocks on top, itself included; -1 on a branch that is not the best. */
export const confirmations = (chain: RegtestChain, node: BlockNode): number =>
  chain.isBest(node) ? chain.tip.height - node.height + 1 : -1;

export function rpcScript(script: Bytes): Record<string, unknown> {
  const address = encodeAddress(script, 'regtest');
  return { hex: hex(script), type: RPC_TYPES[classifyScript(script).kind], ...(address === null ? {} : { address }) };
}

export function rpcHeader(chain: RegtestChain, node: BlockNode): Record<string, unknown> {
  const { header } = node;
  const next = chain.isBest(node) ? chain.at(node.height + 1) : null;
  return {
    hash: formatBlockHash(node.hash),
    confirmations: confirmations(chain, node),
    height: node.height,
    version: header.version,
    versionHex: (header.version >>> 0).toString(16).padStart(8, '0'),
    merkleroot: formatTxId(header.merkleRoot as TxId),
    time: header.time,
    mediantime: medianTimePast(node),
    nonce: header.nonce,
    bits: header.bits.toString(16),
    target: targetOf(header.bits).toString(16).padStart(64, '0'),
    difficulty: difficulty(header.bits),
    chainwork: chainWork(node.height),
    nTx: node.txs.length,
    ...(node.parent === null ? {} : { previousblockhash: formatBlockHash(node.parent.hash) }),
    ...(next === null ? {} : { nextblockhash: formatBlockHash(next.hash) }),
  };
}

export function rpcBlock(chain: RegtestChain, node: BlockNode, form: 'ids' | 'transactions'): Record<string, unknown> {
  const weight = 4 * 81 + node.txs.reduce((sum, tx) => sum + txWeight(tx), 0);
  return {
    ...rpcHeader(chain, node),
    size: rawBlock(node).length,
    weight,
    tx: node.txs.map((tx) => (form === 'ids' ? formatTxId(txId(tx)) : { ...rpcTx(tx), hex: rawTx(tx) })),
  };
}

export const headerHex = (node: BlockNode): string => hex(encodeBlockHeader(node.header));

export function rpcTx(tx: Tx): Record<string, unknown> {
  return {
    txid: formatTxId(txId(tx)),
    hash: formatTxId(wtxId(tx)),
    version: tx.version,
    size: encodeTx(tx).length,
    vsize: txVsize(tx),
    weight: txWeight(tx),
    locktime: tx.locktime,
    vin: tx.inputs.map((input) => ({
      ...(isCoinbase(tx)
        ? { coinbase: hex(input.scriptSig) }
        : { txid: formatTxId(input.prevout.txid), vout: input.prevout.vout, scriptSig: { hex: hex(input.scriptSig) } }),
      ...(input.witness.length === 0 ? {} : { txinwitness: input.witness.map(hex) }),
      sequence: input.sequence,
    })),
    vout: tx.outputs.map((output, n) => ({ value: btc(output.amount), n, scriptPubKey: rpcScript(output.script) })),
  };
}

/** The place of a transaction as Esplora says it. */
export function esploraStatus(block: BlockNode | null): Record<string, unknown> {
  if (block === null) return { confirmed: false };
  return { confirmed: true, block_height: block.height, block_hash: formatBlockHash(block.hash), block_time: block.header.time };
}

export function esploraBlock(node: BlockNode): Record<string, unknown> {
  const { header } = node;
  return {
    id: formatBlockHash(node.hash),
    height: node.height,
    version: header.version,
    timestamp: header.time,
    mediantime: medianTimePast(node),
    bits: header.bits,
    nonce: header.nonce,
    difficulty: difficulty(header.bits),
    merkle_root: formatTxId(header.merkleRoot as TxId),
    tx_count: node.txs.length,
    size: rawBlock(node).length,
    weight: 4 * 81 + node.txs.reduce((sum, tx) => sum + txWeight(tx), 0),
    previousblockhash: node.parent === null ? null : formatBlockHash(node.parent.hash),
  };
}

export function esploraTx(chain: RegtestChain, tx: Tx, block: BlockNode | null): Record<string, unknown> {
  const coinbase = isCoinbase(tx);
  const spent = coinbase ? [] : tx.inputs.map((input) => chain.transaction(input.prevout.txid)?.tx.outputs[input.prevout.vout] ?? null);
  const paid = tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
  const fee = coinbase ? 0n : spent.reduce((sum, output) => sum + (output?.amount ?? 0n), 0n) - paid;
  return {
    txid: formatTxId(txId(tx)),
    version: tx.version,
    locktime: tx.locktime,
    vin: tx.inputs.map((input, i) => ({
      txid: formatTxId(input.prevout.txid),
      vout: input.prevout.vout,
      prevout: spent[i] == null ? null : esploraOutput(spent[i]),
      scriptsig: hex(input.scriptSig),
      ...(input.witness.length === 0 ? {} : { witness: input.witness.map(hex) }),
      is_coinbase: coinbase,
      sequence: input.sequence,
    })),
    vout: tx.outputs.map(esploraOutput),
    size: encodeTx(tx).length,
    weight: txWeight(tx),
    fee: Number(fee),
    status: esploraStatus(block),
  };
}

function esploraOutput(output: TxOutput): Record<string, unknown> {
  const address = encodeAddress(output.script, 'regtest');
  return {
    scriptpubkey: hex(output.script),
    scriptpubkey_type: ESPLORA_TYPES[classifyScript(output.script).kind],
    ...(address === null ? {} : { scriptpubkey_address: address }),
    value: Number(output.amount),
  };
}

export function esploraSpend(chain: RegtestChain, txid: TxId, vout: number): Record<string, unknown> {
  const spend = chain.spend({ txid, vout });
  if (spend === null) return { spent: false };
  const block = spend.height === null ? null : chain.at(spend.height);
  return { spent: true, txid: formatTxId(spend.txid), vin: spend.vin, status: esploraStatus(block) };
}

/** Every unspent output that pays to a script, mempool included, without those spent in it. */
export function esploraUnspent(chain: RegtestChain, matches: (script: Bytes) => boolean): readonly Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (const { txid, vout, amount, height } of unspentOf(chain, matches))
    if (!chain.mempool.spenders.has(coinKey({ txid, vout })))
      found.push({ txid: formatTxId(txid), vout, status: esploraStatus(chain.at(height)), value: Number(amount) });
  for (const entry of chain.mempool.list())
    for (const [vout, output] of entry.tx.outputs.entries())
      if (matches(output.script) && !chain.mempool.spenders.has(coinKey({ txid: entry.txid, vout })))
        found.push({ txid: formatTxId(entry.txid), vout, status: { confirmed: false }, value: Number(output.amount) });
  return found;
}

/** Every output unspent on the best chain whose script is wanted. */
export function* unspentOf(
  chain: RegtestChain,
  matches: (script: Bytes) => boolean,
): Iterable<{ txid: TxId; vout: number; amount: bigint; script: Bytes; height: number; coinbase: boolean }> {
  for (const [key, coin] of chain.tip.coins.entries()) {
    if (!matches(coin.output.script)) continue;
    const vout = new DataView(key.buffer, key.byteOffset).getUint32(32, true);
    const { amount, script } = coin.output;
    yield { txid: key.slice(0, 32) as TxId, vout, amount, script, height: coin.height, coinbase: coin.coinbase };
  }
}
