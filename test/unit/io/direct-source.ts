import type { Bytes } from '../../../src/base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../../src/base/ids.ts';
import { ok } from '../../../src/base/result.ts';
import { feeratePerKw, type Height, unixTime } from '../../../src/base/units.ts';
import type { Tx } from '../../../src/bitcoin/tx.ts';
import { txId } from '../../../src/bitcoin/tx.ts';
import { type BlockRef, type BroadcastOutcome, type ChainSource, rejection } from '../../../src/io/chain/source.ts';
import type { RegtestChain } from '../../../src/io/regtest/chain.ts';
import type { BlockNode } from '../../../src/io/regtest/consensus.ts';
import { unspentOf } from '../../../src/io/regtest/views.ts';

/** A chain in the same process as a source, without a server between; `before` runs ahead of each question, so that the chain can move under it. */
export function directSource(chain: RegtestChain, before: () => void = () => undefined): ChainSource {
  const refOf = (node: BlockNode): BlockRef => ({ height: node.height as Height, hash: node.hash });
  const ask = async <T>(answer: () => T): Promise<{ readonly ok: true; readonly value: T }> => {
    before();
    return ok(answer());
  };
  const outcome = (result: ReturnType<RegtestChain['submit']>): BroadcastOutcome =>
    result.ok ? { kind: result.value } : rejection(result.failure.reason);
  return {
    backend: 'bitcoind',
    place: 'the chain of this test',
    network: () => ask(() => (chain.at(0) as BlockNode).hash),
    status: () => ask(() => ({ tip: refOf(chain.tip), headers: chain.tip.height as Height, synced: true })),
    tip: () => ask(() => refOf(chain.tip)),
    blockHash: (height: Height) => ask(() => chain.at(height)?.hash ?? null),
    header: (hash: BlockHash) => ask(() => chain.node(hash)?.header ?? null),
    block: (hash: BlockHash) =>
      ask(() => {
        const node = chain.node(hash);
        return node === null
          ? null
          : { ...refOf(node), prevHash: node.header.previous, header: node.header, time: unixTime(node.header.time), txs: node.txs };
      }),
    broadcast: (tx: Tx) => ask(() => outcome(chain.submit(tx))),
    testAccept: () => ask(() => null),
    feerate: () => ask(() => feeratePerKw(500)),
    minFeerate: () => ask(() => null),
    transaction: (txid: TxId) =>
      ask(() => {
        const found = chain.transaction(txid);
        return found === null ? null : { tx: found.tx, confirmed: found.block === null ? null : refOf(found.block) };
      }),
    txidAt: ({ height, txIndex }) =>
      ask(() => {
        const tx = chain.at(height)?.txs[txIndex];
        return tx === undefined ? null : txId(tx);
      }),
    output: (outpoint: OutPoint) =>
      ask(() => {
        const coin = chain.coin(outpoint);
        return coin === null ? null : { ...coin.output, height: coin.height as Height, coinbase: coin.coinbase };
      }),
    unspent: (scripts: readonly Bytes[]) =>
      ask(() => {
        const wanted = new Set(scripts.map(String));
        return [...unspentOf(chain, (script) => wanted.has(String(script)))].map((each) => ({
          outpoint: { txid: each.txid, vout: each.vout },
          amount: each.amount as never,
          script: each.script,
          height: each.height as Height,
        }));
      }),
    mempool: () => ask(() => chain.mempool.list().map((entry) => entry.txid)),
    watchTip: (onHint: () => void) => {
      onHint();
      return chain.listen(onHint);
    },
    close: () => undefined,
  };
}
