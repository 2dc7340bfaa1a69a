import { Buffer } from 'node:buffer';
import { type Bytes, equal, tryHex } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { decodeAddressFor } from '../../bitcoin/address.ts';
import { encodeBlockHeader, formatBlockHash, merkleBranch, parseBlockHash } from '../../bitcoin/block.ts';
import { decodeTx, encodeTx, formatTxId, parseTxId, txId } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { RegtestChain } from './chain.ts';
import type { BlockNode } from './consensus.ts';
import { esploraBlock, esploraSpend, esploraStatus, esploraTx, esploraUnspent, hex, rawBlock, rawTx } from './views.ts';

/** Esplora's REST over the built-in chain. `body` text, bytes, or anything else as JSON. */
export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
}

const TARGETS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 144, 504, 1008];
const PAGE = 25;

const found = (body: unknown): RestAnswer => ({ status: 200, body });
const absent = (what: string): RestAnswer => ({ status: 404, body: `${what} not found` });
const bad = (message: string): RestAnswer => ({ status: 400, body: message });

/** Answers `method path` (the path without its leading slash and without the mount point). */
export function answerRest(chain: RegtestChain, method: string, path: string, body: string): RestAnswer {
  const parts = path.split('/').filter((part) => part !== '');
  if (method === 'POST') return path === 'tx' ? broadcast(chain, body) : absent('endpoint');
  if (method !== 'GET') return { status: 405, body: 'method not allowed' };
  const [topic, ...rest] = parts;
  switch (topic) {
    case 'blocks':
      return blocks(chain, rest);
    case 'block-height':
      return blockAtHeight(chain, rest[0] ?? '');
    case 'block':
      return block(chain, rest);
    case 'tx':
      return transaction(chain, rest);
    case 'mempool':
      return mempool(chain, rest[0]);
    case 'fee-estimates':
      return found(Object.fromEntries(TARGETS.map((target) => [target, Number(chain.estimateFeerate(target)) / 1000])));
    case 'address':
    case 'scripthash':
      return outputsOf(chain, topic, rest);
    default:
      return absent('endpoint');
  }
}

function blocks(chain: RegtestChain, [first, second]: readonly string[]): RestAnswer {
  if (first === 'tip' && second === 'hash') return found(formatBlockHash(chain.tip.hash));
  if (first === 'tip' && second === 'height') return found(String(chain.tip.height));
  const from = first === undefined ? chain.tip.height : Number(first);
  const list: BlockNode[] = [];
  for (let height = from; height >= 0 && list.length < 10; height--) {
    const node = chain.at(height);
    if (node !== null) list.push(node);
  }
  return found(list.map(esploraBlock));
}

function blockAtHeight(chain: RegtestChain, text: string): RestAnswer {
  const node = /^\d{1,9}$/.test(text) ? chain.at(Number(text)) : null;
  return node === null ? absent('Block') : found(formatBlockHash(node.hash));
}

function block(chain: RegtestChain, [name = '', what, index]: readonly string[]): RestAnswer {
  const hash = parseBlockHash(name);
  if (hash === null) return bad('Invalid hex string');
  const node = chain.node(hash);
  if (node === null) return absent('Block');
  switch (what) {
    case undefined:
      return found(esploraBlock(node));
    case 'raw':
      return found(rawBlock(node));
    case 'header':
      return found(hex(encodeBlockHeader(node.header)));
    case 'status': {
      const next = chain.isBest(node) ? chain.at(node.height + 1) : null;
      return found({
        in_best_chain: chain.isBest(node),
        height: node.height,
        ...(next === null ? {} : { next_best: formatBlockHash(next.hash) }),
      });
    }
    case 'txids':
      return found(node.txs.map((tx) => formatTxId(txId(tx))));
    case 'txid': {
      const tx = node.txs[Number(index)];
      return tx === undefined ? absent('tx index') : found(formatTxId(txId(tx)));
    }
    case 'txs': {
      const start = Number(index ?? 0);
      return found(node.txs.slice(start, start + PAGE).map((tx) => esploraTx(chain, tx, node)));
    }
    default:
      return absent('endpoint');
  }
}

function transaction(chain: RegtestChain, [name = '', what, index]: readonly string[]): RestAnswer {
  const txid = parseTxId(name);
  if (txid === null) return bad('Invalid hex string');
  const place = chain.transaction(txid);
  if (place === null) return absent('Transaction');
  const { tx, block: node } = place;
  switch (what) {
    case undefined:
      return found(esploraTx(chain, tx, node));
    case 'hex':
      return found(rawTx(tx));
    case 'raw':
      return found(encodeTx(tx));
    case 'status':
      return found(esploraStatus(node));
    case 'outspend':
      return found(esploraSpend(chain, txid, Number(index)));
    case 'outspends':
      return found(tx.outputs.map((_, vout) => esploraSpend(chain, txid, vout)));
    case 'merkle-proof':
      return node === null ? absent('Transaction') : merkleProof(node, txid);
    default:
      return absent('endpoint');
  }
}

function merkleProof(node: BlockNode, txid: TxId): RestAnswer {
  const ids = node.txs.map(txId);
  const pos = ids.findIndex((each) => equal(each, txid));
  return found({ block_height: node.height, pos, merkle: merkleBranch(ids, pos).map((sibling) => formatTxId(sibling as TxId)) });
}

function mempool(chain: RegtestChain, what: string | undefined): RestAnswer {
  const entries = chain.mempool.list();
  if (what === 'txids') return found(entries.map((entry) => formatTxId(entry.txid)));
  if (what !== undefined) return absent('endpoint');
  const [vsize, fee] = [entries.reduce((sum, each) => sum + each.vsize, 0), entries.reduce((sum, each) => sum + each.fee, 0n)];
  return found({ count: entries.length, vsize, total_fee: Number(fee), fee_histogram: [] });
}

function outputsOf(chain: RegtestChain, topic: 'address' | 'scripthash', [name = '', what]: readonly string[]): RestAnswer {
  if (what !== 'utxo') return absent('endpoint');
  let matches: (script: Bytes) => boolean;
  if (topic === 'address') {
    const address = decodeAddressFor(name, 'regtest');
    if (!address.ok) return bad('Invalid Bitcoin address');
    matches = (script) => equal(script, address.value.script);
  } else {
    const hash = name.length === 64 ? tryHex(name) : null;
    if (hash === null) return bad('Invalid hex string');
    matches = (script) => equal(sha256(script), hash);
  }
  return found(esploraUnspent(chain, matches));
}

function broadcast(chain: RegtestChain, body: string): RestAnswer {
  const bytes = tryHex(body.trim());
  const tx = bytes === null ? null : decodeTx(bytes);
  if (tx === null || !tx.ok)
    return bad('sendrawtransaction RPC error: {"code":-22,"message":"TX decode failed. Make sure the tx has at least one input."}');
  const sent = chain.submit(tx.value);
  if (sent.ok) return found(formatTxId(txId(tx.value)));
  const { code, reason, details } = sent.failure;
  return bad(`sendrawtransaction RPC error: ${JSON.stringify({ code, message: details === null ? reason : `${reason}, ${details}` })}`);
}

/** The bytes of an answer and what they are. */
export function encodeAnswer(body: unknown): { readonly type: string; readonly bytes: Buffer } {
  if (typeof body === 'string') return { type: 'text/plain', bytes: Buffer.from(body) };
  if (body instanceof Uint8Array) return { type: 'application/octet-stream', bytes: Buffer.from(body) };
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) };
}
