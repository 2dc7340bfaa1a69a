import { equal, toHex } from '../base/bytes.ts';
import type { ChannelId } from '../base/ids.ts';
import { height } from '../base/units.ts';
import { type Tx, txId } from '../bitcoin/tx.ts';
import type { ChainMatch } from '../bolt/channel/types.ts';
import { watches } from '../bolt/channel/view.ts';
import { connectAssets, disconnectAssets } from './asset/chain.ts';
import { feed } from './channels.ts';
import { type Draft, update } from './draft.ts';
import type { BlockInput, BlockPoint, NodeInput } from './types.ts';
import { connectBlock, disconnectBlock } from './wallet/wallet.ts';

/** So many blocks of the followed chain are remembered: a deeper reorganisation is not undone. */
const CURSOR_LENGTH = 300;

/** Runs what one channel does with a block, so that what goes wrong in it stays its own. */
type Each = (channelId: ChannelId, run: () => void) => void;
const plainly: Each = (_, run) => run();

/** A block joins the followed chain: the wallet and every channel see what concerns them. */
export function connect(draft: Draft, block: BlockInput, each: Each = plainly): void {
  // A channel asks what may be published after this block, and several blocks may share a step.
  draft.env = { ...draft.env, height: block.height };
  const point: BlockPoint = { height: block.height, hash: block.hash };
  update(draft, {
    wallet: connectBlock(draft.state.wallet, draft.env.walletKeys, block),
    cursor: [...draft.state.cursor.slice(-(CURSOR_LENGTH - 1)), point],
  });
  connectAssets(draft, block);
  // A transaction may spend what one before it in the same block made: what a channel watches after its first look is looked for again.
  const told = new Set<string>();
  for (let round = 0; ; round++) {
    const matches = findMatches(draft, block.txs, told);
    if (round > 0 && matches.size === 0) return;
    for (const channelId of [...draft.state.channels.keys()]) {
      const mine = matches.get(toHex(channelId)) ?? [];
      if (round > 0 && mine.length === 0) continue;
      each(channelId, () => void feed(draft, channelId, { kind: 'block', height: block.height, hash: block.hash, matches: mine }));
    }
  }
}

export function disconnectTip(draft: Draft, input: Extract<NodeInput, { kind: 'block_disconnected' }>, each: Each = plainly): void {
  const last = draft.state.cursor.at(-1);
  if (last === undefined || !equal(last.hash, input.hash)) return;
  draft.env = { ...draft.env, height: height(input.height - 1) };
  update(draft, { wallet: disconnectBlock(draft.state.wallet, input.height), cursor: draft.state.cursor.slice(0, -1) });
  disconnectAssets(draft, input.height);
  for (const channelId of [...draft.state.channels.keys()])
    each(channelId, () => void feed(draft, channelId, { kind: 'block_disconnected', height: input.height }));
}

/** For each channel, the transactions that make or spend what it watches, but for those that it was told of. */
function findMatches(draft: Draft, txs: readonly Tx[], told: Set<string>): ReadonlyMap<string, readonly ChainMatch[]> {
  const watched = new Map<string, { readonly channelId: ChannelId; readonly vout: number }[]>();
  for (const [channelId, channel] of draft.state.channels.entries())
    for (const { txid, vout } of watches(channel).outpoints) {
      const key = toHex(txid);
      watched.set(key, [...(watched.get(key) ?? []), { channelId, vout }]);
    }
  const found = new Map<string, ChainMatch[]>();
  if (watched.size === 0) return found;
  const add = (channelId: ChannelId, tx: Tx, txIndex: number): void => {
    const key = toHex(channelId);
    if (told.has(`${key} ${txIndex}`)) return;
    told.add(`${key} ${txIndex}`);
    found.set(key, [...(found.get(key) ?? []), { tx, txIndex }]);
  };
  txs.forEach((tx, txIndex) => {
    for (const { channelId } of watched.get(toHex(txId(tx))) ?? []) add(channelId, tx, txIndex);
    for (const input of tx.inputs)
      for (const { channelId, vout } of watched.get(toHex(input.prevout.txid)) ?? [])
        if (vout === input.prevout.vout) add(channelId, tx, txIndex);
  });
  return found;
}
