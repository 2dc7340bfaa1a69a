// A commitment of ours that waits in a mempool for less than a block takes now is lifted by a child: it spends our anchor and coins of the
// wallet, and pays for both (BOLT 3, option_anchors).
import { equal, toHex } from '../base/bytes.ts';
import type { TxId } from '../base/ids.ts';
import { type FeeratePerKw, feeratePerKw, type Sat, sat } from '../base/units.ts';
import { feerateOf } from '../bitcoin/fees.ts';
import { signP2trInput, signP2wpkhInput } from '../bitcoin/sign.ts';
import { type Tx, txWeight } from '../bitcoin/tx.ts';
import { deadCommitment, type OwnAnchor, ownAnchor } from '../bolt/channel/anchor.ts';
import { bumpWithAnchor, type Spend } from '../bolt/channel/sweep.ts';
import { publish } from './channels.ts';
import { type Draft, log, update } from './draft.ts';
import { spendable } from './wallet/coins.ts';
import { type Coin, DEFAULT_FEE_LIMITS, outPointKey, type WalletTx } from './wallet/types.ts';
import { forgetUnconfirmed, handOut, peekChange } from './wallet/wallet.ts';

/** Bumps what needs it, and lets go of children whose commitment was overtaken by another transaction. */
export function bumpCommitments(draft: Draft): void {
  for (const [channelId, channel] of [...draft.state.channels.entries()]) {
    const dead = deadCommitment(channel);
    if (dead !== null) forgetChild(draft, dead);
    const anchor = ownAnchor(channel, draft.env);
    if (anchor === null) continue;
    const { feerates } = draft.env;
    const wanted = anchor.isUrgent ? feerates.priority : feerates.normal;
    const before = childOf(draft, anchor);
    if (feerateNow(draft, anchor, before) >= wanted) continue;
    // BIP 125: a replacement pays for its own relay; small steps are not worth one.
    const target = before === null ? wanted : feeratePerKw(Math.max(wanted, Math.ceil(feerateNow(draft, anchor, before) * 1.25)));
    const made = makeChild(draft, anchor, before, target);
    if (made === null) continue;
    log(draft, 'info', `channel ${toHex(channelId)}: its commitment is lifted to ${target} sat/kw`);
    update(draft, { wallet: handOut(draft.state.wallet, draft.env.walletKeys, made.changePath) });
    publish(draft, made.tx, 'anchor');
  }
}

/** Our unconfirmed transaction that spends the anchor. */
function childOf(draft: Draft, anchor: OwnAnchor): WalletTx | null {
  const { wallet } = draft.state;
  const txid = wallet.pending.get(outPointKey(anchor.claim.outpoint));
  return txid === undefined ? null : (wallet.txs.get(txid) ?? null);
}

function forgetChild(draft: Draft, commitment: TxId): void {
  for (const entry of draft.state.wallet.txs.values()) {
    if (entry.label !== 'anchor' || entry.height !== null) continue;
    if (!entry.tx?.inputs.some(({ prevout }) => equal(prevout.txid, commitment))) continue;
    update(draft, { wallet: forgetUnconfirmed(draft.state.wallet, entry.txid) });
  }
}

/** What commitment and child pay together. */
function feerateNow(draft: Draft, { parent, claim }: OwnAnchor, child: WalletTx | null): FeeratePerKw {
  if (child?.tx == null) return feerateOf(parent.fee, parent.weight);
  const spent = coinsOf(draft, child).reduce((sum, coin) => sum + coin.output.amount, claim.output.amount as bigint);
  const fee = spent - child.tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
  return feerateOf(sat(parent.fee + fee), parent.weight + txWeight(child.tx));
}

const coinsOf = (draft: Draft, child: WalletTx): readonly Coin[] =>
  (child.tx?.inputs ?? []).flatMap(({ prevout }) => draft.state.wallet.coins.get(outPointKey(prevout)) ?? []);

/** Takes the old child's coins, then more, largest first; null where nothing suffices, or where it costs more than half of what it brings. */
function makeChild(draft: Draft, anchor: OwnAnchor, before: WalletTx | null, feerate: FeeratePerKw) {
  const { walletKeys: keys, height } = draft.env;
  const old = before === null ? [] : coinsOf(draft, before);
  // BIP 125 rule 2: no unconfirmed inputs beyond the parent's.
  const pool = [...old, ...spendable(draft.state.wallet, height).confirmed];
  const change = peekChange(draft.state.wallet, keys);
  for (let count = Math.max(1, old.length); count <= pool.length; count++) {
    const coins = pool.slice(0, count);
    const inputs = coins.map((coin) => ({ outpoint: coin.outpoint, output: coin.output, kind: coin.path.account }));
    const made = bumpWithAnchor(anchor.claim, anchor.parent, { inputs, changeScript: change.script, feerate });
    if (!made.ok) continue;
    if (!isWorth(made.value.fee, anchor.atStake)) return null;
    return { tx: signWallet(draft, made.value, coins), changePath: change.path };
  }
  return null;
}

const isWorth = (fee: Sat, atStake: Sat): boolean => fee <= DEFAULT_FEE_LIMITS.maxFee && 2n * fee <= atStake;

/** The anchor is the first input and signed; the wallet's coins follow. */
function signWallet(draft: Draft, { tx, prevouts }: Spend, coins: readonly Coin[]): Tx {
  const inputs = tx.inputs.map((input, index) => {
    const coin = coins[index - 1];
    if (coin === undefined) return input;
    const privateKey = draft.env.walletKeys.privateKey(coin.path);
    const witness =
      coin.path.account === 'p2tr'
        ? signP2trInput({ tx, index, prevouts, privateKey })
        : signP2wpkhInput({ tx, index, amount: coin.output.amount, privateKey });
    return { ...input, witness };
  });
  return { ...tx, inputs };
}
