// What blocks do to the graph: a spent funding output closes its channel, and a block that is taken back opens it again.
import { equal, toHex } from '../../base/bytes.ts';
import { txId } from '../../bitcoin/tx.ts';
import { CHANNEL_SPENT, type Graph } from '../../bolt/route/graph.ts';
import type { BlockInput, NodeInput } from '../../node/types.ts';
import type { GraphDatabase } from './database.ts';

export type BlockChange = BlockInput | Extract<NodeInput, { kind: 'block_disconnected' }>;

export interface BlockTarget {
  readonly graph: Graph;
  readonly database: GraphDatabase;
  log(level: 'debug', text: string): void;
}

/** BOLT 7: a spent channel is forgotten after 72 blocks, because the spend may have been a splice. */
const FORGET_AFTER_BLOCKS = 72;

export function applyBlock(change: BlockChange, target: BlockTarget): void {
  if (change.kind === 'block') connect(change, target);
  else disconnect(change.height, target);
}

function connect(input: BlockInput, target: BlockTarget): void {
  const { graph, database, log } = target;
  refund(input, target);
  for (const tx of input.txs) {
    for (const { prevout } of tx.inputs) {
      for (const scid of database.channelsOf(prevout.txid)) {
        if (Number(scid & 0xffffn) !== prevout.vout) continue;
        markSpent(scid, input.height, target);
        log('debug', `channel ${scid} was spent by ${toHex(txId(tx))}`);
      }
    }
  }
  for (const scid of database.spentUntil(input.height - FORGET_AFTER_BLOCKS)) {
    const channel = graph.findChannel(scid);
    if (channel !== -1) graph.removeChannel(channel);
    database.write({ kind: 'remove', scid });
  }
}

/** Channels of this height that a reorganisation took back, and whose funding transaction stands where it stood before. */
function refund(input: BlockInput, target: BlockTarget): void {
  for (const { scid, txid } of target.database.fundedAt(input.height)) {
    const channel = target.graph.findChannel(scid);
    if (channel === -1 || ((target.graph.channelFlags[channel] as number) & CHANNEL_SPENT) === 0) continue;
    const tx = input.txs[Number((scid >> 16n) & 0xffffffn)];
    if (tx !== undefined && equal(txId(tx), txid)) revive(scid, target);
  }
}

/**
 * BOLT 7: "once its funding output has been spent OR reorganized out". What was spent in the block is unspent again; what was funded in it is
 * as good as spent until a block at this height has its funding transaction at the same place.
 */
function disconnect(height: number, target: BlockTarget): void {
  for (const scid of target.database.spentAt(height)) revive(scid, target);
  for (const { scid } of target.database.fundedAt(height)) {
    markSpent(scid, height, target);
    target.log('debug', `the funding of channel ${scid} was reorganised out`);
  }
}

function markSpent(scid: bigint, height: number, { graph, database }: BlockTarget): void {
  const channel = graph.findChannel(scid);
  if (channel !== -1) graph.markSpent(channel);
  database.write({ kind: 'spent', scid, height });
}

function revive(scid: bigint, { graph, database, log }: BlockTarget): void {
  const channel = graph.findChannel(scid);
  if (channel !== -1) graph.markUnspent(channel);
  database.write({ kind: 'spent', scid, height: null });
  log('debug', `channel ${scid} is open again after a reorganisation`);
}
