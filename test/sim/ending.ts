import { equal, toHex } from '../../src/base/bytes.ts';
import type { TxId } from '../../src/base/ids.ts';
import { txId } from '../../src/bitcoin/tx.ts';
import { IRREVOCABLE_DEPTH } from '../../src/bolt/channel/onchain.ts';
import type { Channel } from '../../src/bolt/channel/types.ts';
import { view } from '../../src/bolt/channel/view.ts';
import type { Users } from './actions.ts';
import { demand } from './monitor.ts';
import { DELAY, type SimNode, short } from './node.ts';
import type { World } from './world.ts';

/** So many rounds must do for everything to come to rest. */
const MAX_ROUNDS = 400;

/** Faults stop: everybody runs, connects and answers, blocks come. Nothing may stay unresolved. */
export function resolveEverything(world: World, users: Users, count: () => void): void {
  world.say(() => '--- faults stop');
  world.faulty = false;
  // Fees are low enough for the smallest output to be worth its sweep.
  world.feerate = 400;
  for (const node of world.nodes) if (!node.isUp) world.start(node);
  if (world.rng.chance(0.1)) letHoldsRunOut(world, count);
  settleDown(world, users, count);
  checkPayments(world);
  world.say(() => '--- what is open is confirmed');
  for (const blocks of [1, 2, 6]) mine(world, blocks, count);
  settleDown(world, users, count);
  if (world.rng.chance(0.25)) restoreOldState(world, count);
  closeAll(world, count);
  checkMoney(world);
}

/** Nobody decides what becomes of held payments, until their expiry comes so near that the payee's node gives them back by itself. */
function letHoldsRunOut(world: World, count: () => void): void {
  world.say(() => '--- held payments run out');
  for (let i = 0; i < 14; i++) {
    world.pass(i < 5 ? 40 : 1);
    mine(world, 4, count);
  }
  for (const node of world.nodes)
    for (const invoice of node.live.invoices.values())
      demand(invoice.state !== 'accepted', () => `${node.name} holds a payment that is near its expiry`);
}

/**
 * A node comes back with an old state of one channel, as from an old backup. It must find out, publish nothing, and get its money from the
 * commitment that the other side publishes. There are no HTLCs in the channel, neither then nor now: claiming them is not yet the node's.
 */
function restoreOldState(world: World, count: () => void): void {
  const { monitor, rng } = world;
  const candidates = monitor.old.filter(({ node, row, number }) => {
    const channel = node.live.channels.get(row.key);
    if (channel === undefined || view(channel).phase !== 'normal' || channel.durable.phase.kind !== 'active') return false;
    return channel.durable.phase.commitments.local.number > number && view(channel).htlcs.length === 0;
  });
  if (candidates.length === 0) return;
  const { node, row } = rng.pick(candidates);
  world.say(() => `--- ${node.name} has an old state of channel ${short(row.key)}`);
  world.count('old state restored');
  monitor.mayForceClose.add(toHex(row.key));
  world.kill(node);
  node.store.commit({ rows: [row], history: [] });
  world.start(node);
  for (let i = 0; i < 6; i++) {
    pump(world, count);
    world.pass(40);
  }
  pump(world, count);
  const channel = node.live.channels.get(row.key);
  demand(channel !== undefined && view(channel).phase === 'data_loss', () => `${node.name} did not see that its state is old`);
}

/** Runs until nobody has anything to do but to wait for blocks. */
function settleDown(world: World, users: Users, count: () => void): void {
  let calm = 0;
  for (let round = 0; calm < 2; round++) {
    demand(round < MAX_ROUNDS, () => `no rest after ${MAX_ROUNDS} rounds: ${unrest(world) ?? 'messages go on for ever'}`);
    const moved = pump(world, count);
    users.settleHeld();
    // What had not reached the commitment that went to the chain is told of some blocks later.
    if (world.nodes.some((node) => [...node.live.channels.values()].some(leftBehind))) world.mine();
    world.pass(25);
    const restless = unrest(world);
    calm = moved < 60 && restless === null ? calm + 1 : 0;
  }
  pump(world, count);
}

/** Delivers and steps until nothing waits. Returns how much there was to do. */
export function pump(world: World, count: () => void): number {
  const { network } = world;
  let moved = 0;
  for (;;) {
    demand(moved < 20_000, () => 'messages go on for ever');
    for (const node of world.up) if (world.isBehind(node)) world.feedBlocks(node, 1000);
    const busy = world.up.find((node) => node.inbox.length > 0);
    const way = network.waiting()[0];
    if (busy !== undefined) world.turn(busy, busy.inbox.length, null);
    else if (way !== undefined) {
      const text = network.deliver(way);
      world.say(() => text);
    } else if (network.dials.length > 0) world.dial(() => true);
    else return moved;
    moved++;
    count();
  }
}

function leftBehind(channel: Channel): boolean {
  const { phase, htlcs } = view(channel);
  return phase === 'force_closing' && htlcs.length > 0;
}

/** What still has to happen without any block, or null. */
function unrest(world: World): string | null {
  for (const node of world.nodes) {
    for (const channel of node.live.channels.values()) {
      const seen = view(channel);
      const text = `${node.name}: channel ${short(seen.channelId)} (${seen.phase})`;
      if (world.monitor.isAbandoned(channel)) continue;
      if (seen.phase === 'opening') return `${text} is being opened`;
      if (!['normal', 'shutdown', 'negotiating', 'awaiting_confirmation', 'awaiting_channel_ready'].includes(seen.phase)) continue;
      if (seen.htlcs.length > 0) return `${text} has HTLCs`;
      if (!seen.connected || seen.busy) return `${text} is ${seen.connected ? 'busy' : 'not connected'}`;
    }
    for (const payment of node.live.payments.values()) {
      const parts = payment.parts.map((part) => `${part.status} over ${short(part.route.channelId)}`).join(', ');
      return `${node.name}: payment ${short(payment.paymentHash)} is ${payment.status} (${parts})`;
    }
    for (const forward of node.live.forwards.values()) return `${node.name}: forward of ${short(forward.paymentHash)} goes on`;
    for (const invoice of node.live.invoices.values()) if (invoice.htlcs.length > 0) return `${node.name}: an invoice holds HTLCs`;
  }
  return null;
}

function mine(world: World, blocks: number, count: () => void): void {
  for (let i = 0; i < blocks; i++) world.mine();
  pump(world, count);
}

/** Every HTLC has one end, the same on its way in and out, and payments say what became of theirs. */
function checkPayments(world: World): void {
  const { monitor } = world;
  for (const htlc of monitor.htlcs.values()) {
    const { origin } = htlc;
    if (origin.kind === 'payment') {
      const payment = monitor.payments.get(`${htlc.offerer.name} ${toHex(htlc.hash)}`);
      const settled = payment?.status === 'settled';
      demand(htlc.outcome !== 'fulfilled' || settled, () => `HTLC ${htlc.key} was fulfilled and its payment is ${payment?.status}`);
      continue;
    }
    const upstream = [...monitor.htlcs.values()].find(
      (each) => each.receiver === htlc.offerer && each.id === origin.htlcId && equal(each.channelId, origin.channelId),
    );
    demand(upstream !== undefined, () => `HTLC ${htlc.key} was sent on for one that was never sent`);
    demand(
      (upstream.outcome === 'fulfilled') === (htlc.outcome === 'fulfilled') || htlc.outcome === null,
      () => `HTLC ${upstream.key} was ${upstream.outcome}, onward it was ${htlc.outcome}`,
    );
    demand(upstream.amountMsat >= htlc.amountMsat, () => `HTLC ${htlc.key} carries more than came in`);
  }
  for (const [key, payment] of monitor.payments) {
    demand(payment.status !== 'pending', () => `payment ${key} is pending`);
    if (payment.status !== 'settled') continue;
    const sent = payment.parts.reduce((sum, part) => (part.status === 'settled' ? sum + part.amountMsat : sum), 0n);
    // Where two nodes pay one invoice, the payee may take parts of both.
    const payers = [...monitor.payments.keys()].filter((each) => each.endsWith(toHex(payment.paymentHash))).length;
    demand(
      sent === payment.amountMsat || (payers > 1 && sent < payment.amountMsat),
      () => `payment ${key} of ${payment.amountMsat} msat is settled with ${sent}`,
    );
  }
}

/** Closes what is open, by agreement, and mines until all of it is buried. */
function closeAll(world: World, count: () => void): void {
  world.say(() => '--- everything is closed');
  for (const node of world.nodes)
    for (const channel of node.live.channels.values()) {
      const seen = view(channel);
      if (!seen.isFunder || seen.closing !== null) continue;
      demand(
        seen.phase !== 'awaiting_confirmation' && seen.phase !== 'awaiting_channel_ready',
        () => `${node.name}: a channel stays ${seen.phase}`,
      );
      node.command({ kind: 'close_channel', channelId: seen.channelId, script: null, feerate: null });
    }
  pump(world, count);
  // The closing transactions, the sweeps after their delay, and the depth at which nothing is undone any more.
  // Depth is the same story each time and takes most of the work: some of the seeds wait for it, all of them for the money.
  const depth = world.rng.chance(0.3) ? [IRREVOCABLE_DEPTH, IRREVOCABLE_DEPTH] : [];
  for (const blocks of [1, 1, DELAY, 1, 1, ...depth]) {
    const left = world.nodes.some((node) => [...node.live.channels.values()].some((channel) => !world.monitor.isAbandoned(channel)));
    if (!left) break;
    mine(world, blocks, count);
    world.pass(30);
    pump(world, count);
  }
  for (const node of world.nodes)
    for (const channel of node.live.channels.values()) {
      const seen = view(channel);
      const isConfirmed = depth.length === 0 && (seen.phase === 'closing' || seen.phase === 'force_closing' || seen.phase === 'data_loss');
      demand(
        isConfirmed || world.monitor.isAbandoned(channel),
        () => `${node.name}: channel ${short(seen.channelId)} stays ${seen.phase} (${seen.closing?.how}: ${seen.closing?.why})`,
      );
    }
}

/** What every wallet has is what the chain says; nobody has more than is due, and all together lack only fees and anchors. */
function checkMoney(world: World): void {
  const { chain } = world;
  let left = 0n;
  const ours = new Map(world.nodes.map((node) => [node, 0n]));
  for (const [, coin] of chain.tip.coins.entries()) {
    if (coin.output.script.length === 1) continue;
    const owner = world.ownerOf(coin.output);
    if (owner !== null) ours.set(owner, (ours.get(owner) as bigint) + coin.output.amount);
    else if (coin.output.amount < WORTHLESS) left += coin.output.amount;
    else demand(coin.coinbase, () => `${coin.output.amount} sat lie where nobody looks for them`);
  }
  const due = dueMsat(world);
  let lacking = 0n;
  for (const node of world.nodes) {
    const has = ours.get(node) as bigint;
    const held = [...node.live.wallet.coins.values()].reduce((sum, coin) => (coin.spentBy === null ? sum + coin.output.amount : sum), 0n);
    demand(held === has, () => `${node.name}: the wallet counts ${held} sat, the chain ${has}`);
    const owed = due.get(node) as bigint;
    demand(has * 1000n <= owed, () => `${node.name} has ${has} sat, more than the ${owed} msat that are due to it`);
    lacking += owed - has * 1000n;
  }
  // What rounding to whole satoshi leaves goes to the miner as well.
  const fees = chain.fees() - world.feesBefore + left;
  demand(lacking === fees * 1000n, () => `${lacking} msat are gone, fees, anchors and dust are ${fees} sat`);
}

/** Anchors, and outputs that do not pay for their own sweep. */
const WORTHLESS = 1000n;

/** What each node should have but for fees: what it began with, what it was pushed and paid, and what came over the chain. */
function dueMsat(world: World): ReadonlyMap<SimNode, bigint> {
  const due = new Map(world.nodes.map((node) => [node, world.began(node) * 1000n]));
  const move = (from: SimNode, to: SimNode, amount: bigint): void => {
    due.set(from, (due.get(from) as bigint) - amount);
    due.set(to, (due.get(to) as bigint) + amount);
  };
  const isConfirmed = (txid: TxId): boolean => world.chain.confirmations(txid) > 0;
  for (const { funder, fundee, pushMsat, fundingTxid } of world.monitor.funded.values())
    if (isConfirmed(fundingTxid)) move(funder, fundee, pushMsat);
  for (const htlc of world.monitor.htlcs.values()) if (htlc.outcome === 'fulfilled') move(htlc.offerer, htlc.receiver, htlc.amountMsat);
  for (const { node, tx } of world.monitor.spends.values())
    for (const output of isConfirmed(txId(tx)) ? tx.outputs : []) move(node, world.ownerOf(output) ?? node, output.amount * 1000n);
  return due;
}
