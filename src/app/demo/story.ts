import { equal, fromHex, toHex } from '../../base/bytes.ts';
import { decodeInvoice } from '../../bolt/invoice/decode.ts';
import { sha256 } from '../../crypto/hash.ts';
import { showMsat, showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import { mintAsset, sendAsset, verifyAssets } from './assets.ts';
import { claim, type Teller, type Told } from './teller.ts';
import type { DemoNode, World } from './world.ts';

const COINS_SAT = 2_500_000;
const NEAR_SAT = 1_000_000;
const FAR_SAT = 500_000;
/** More than one of the far channels can carry, and less than both. */
const SPLIT_SAT = 700_000;
/** What the graph still says is possible, and the payment before has made impossible. */
const TOO_MUCH_SAT = 400_000;
const LAST_SAT = 2_500;
const CHANNELS = 4;
/** BOLT 7: an announcement may be sent when the funding transaction has six confirmations. */
const ANNOUNCE_DEPTH = 6;
/** Blocks after which a coinbase may be spent. */
const MATURITY = 101;

interface Cast {
  readonly alice: DemoNode;
  readonly bob: DemoNode;
  readonly carol: DemoNode;
  readonly dave: DemoNode;
}

type Channels = ResultOf<'channel.list'>['channels'];

/**
 * alice has a channel to bob and one to carol, and each of them one to dave: so there are two ways from alice to dave. Every step looks at
 * what came of it in the nodes concerned; the first that does not hold ends the story (throws).
 */
export async function tellStory(world: World, teller: Teller): Promise<void> {
  await teller.step('chain', 'serving a regtest chain', () => serveChain(world));
  let cast: Cast | null = null;
  await teller.step('nodes', 'making four wallets and starting four nodes', async () => {
    cast = await startNodes(world);
    return tellNodes(cast);
  });
  if (cast === null) throw new Error('there are no nodes');
  const all: Cast = cast;
  await teller.step('wallets', 'giving coins to alice, bob and carol', () => fundWallets(world, all));
  await teller.step('channels', 'opening four channels', () => openChannels(world, all));
  await teller.step('gossip', 'waiting until everybody has heard of every channel', () => awaitGossip(all));
  let bolt11 = '';
  await teller.step('invoice', 'dave writes an invoice', async () => {
    bolt11 = await invoiceOf(all.dave, SPLIT_SAT, 'a bicycle');
    return readInvoice(bolt11, all.dave);
  });
  let feeMsat = 0n;
  await teller.step('route', 'alice looks for a way', async () => {
    const found = await findRoutes(all, bolt11);
    feeMsat = found.feeMsat;
    return found.told;
  });
  await teller.step('payment', 'alice pays in two parts', () => paySplit(all, { bolt11, feeMsat }));
  await teller.step('failure', 'alice pays more than the network can carry', () => payTooMuch(all));
  await teller.step('close', 'alice closes her channel with bob', () => closeChannel(world, all));
  await teller.step('mint', 'alice mints an asset', () => mintAsset(world, all));
  await teller.step('send', 'alice sends some of it to bob', () => sendAsset(world, all));
  await teller.step('verify', 'alice and bob verify what they have', () => verifyAssets(all));
  await teller.step('one-shot', "alice's daemon stops; one command pays", () => payOneShot(all));
}

async function serveChain(world: World): Promise<Told> {
  await world.serveChain();
  const missing = MATURITY - (await world.height());
  if (missing > 0) await world.mine(missing);
  const height = await world.height();
  claim(height >= MATURITY, 'the chain has coins to give away', { height });
  return { text: `a regtest chain of our own, ${height} blocks long, on loopback`, facts: { block_height: height } };
}

async function startNodes(world: World): Promise<Cast> {
  const [alice, bob, carol, dave] = await Promise.all(['alice', 'bob', 'carol', 'dave'].map((name) => world.addNode(name)));
  if (alice === undefined || bob === undefined || carol === undefined || dave === undefined) throw new Error('four nodes were asked for');
  return { alice, bob, carol, dave };
}

function tellNodes(cast: Cast): Told {
  const nodes = Object.values(cast) as DemoNode[];
  const ids = new Set(nodes.map(({ nodeId }) => nodeId));
  claim(ids.size === 4 && nodes.every(({ running }) => running), 'four different nodes run', [...ids]);
  const facts = { nodes: nodes.map(({ name, nodeId, child }) => ({ name, node_id: nodeId, pid: child?.pid ?? 0 })) };
  return { text: 'alice, bob, carol and dave: four wallets, four nodes in their own processes', facts };
}

async function fundWallets(world: World, { alice, bob, carol }: Cast): Promise<Told> {
  const rich = [alice, bob, carol];
  const addresses = await Promise.all(rich.map(async (node) => (await node.call('wallet.address', { type: 'p2tr' })).address));
  for (const address of addresses) await world.chainCall('sendtoaddress', [address, COINS_SAT / 1e8]);
  await world.mine(1);
  for (const node of rich)
    await node.eventually('wallet.balance', {}, ({ confirmed_sat }) => (BigInt(confirmed_sat) === BigInt(COINS_SAT) ? true : null));
  return {
    text: `${showSat(BigInt(COINS_SAT))} each for alice, bob and carol, confirmed (${addresses[0]?.slice(0, 12)}...)`,
    facts: { addresses, each_sat: COINS_SAT },
  };
}

async function openChannels(world: World, { alice, bob, carol, dave }: Cast): Promise<Told> {
  const plan = [
    { from: alice, to: bob, sat: NEAR_SAT },
    { from: alice, to: carol, sat: NEAR_SAT },
    { from: bob, to: dave, sat: FAR_SAT },
    { from: carol, to: dave, sat: FAR_SAT },
  ];
  const open = async ({ from, to, sat }: (typeof plan)[number]): Promise<string | null> => {
    const opened = await from.call('channel.open', { peer: to.uri, amount_sat: sat, dry_run: false });
    await world.awaitMempool(`${opened.funding_outpoint}`.split(':')[0] as string);
    return opened.channel_id;
  };
  // alice's second channel spends the change of her first: one after the other. Different wallets go at once.
  const [first, third, fourth] = await Promise.all([open(plan[0]!), open(plan[2]!), open(plan[3]!)]);
  const ids = [first, await open(plan[1]!), third, fourth];
  await world.mine(ANNOUNCE_DEPTH);
  await Promise.all(plan.flatMap(({ from, to }) => [usable(from, ids), usable(to, ids)]));
  const { channels } = await alice.call('channel.list', {});
  const locals = channels.map(({ local_msat }) => BigInt(local_msat));
  claim(
    channels.length === 2 && locals.every((local) => local === BigInt(NEAR_SAT) * 1000n),
    'alice owns all of both her channels',
    locals,
  );
  return {
    text: `alice-bob and alice-carol with ${showSat(BigInt(NEAR_SAT))}, bob-dave and carol-dave with ${showSat(BigInt(FAR_SAT))}`,
    facts: { channel_ids: ids, confirmations: ANNOUNCE_DEPTH },
  };
}

/** Until every channel of the node that is meant can carry payments. */
async function usable(node: DemoNode, ids: readonly (string | null)[]): Promise<void> {
  await node.eventually('channel.list', {}, ({ channels }) => {
    const own = channels.filter(({ channel_id }) => ids.includes(channel_id));
    return own.length === 2 && own.every((channel) => channel.usable && channel.short_channel_id !== null) ? true : null;
  });
}

async function awaitGossip(cast: Cast): Promise<Told> {
  const nodes = Object.values(cast) as DemoNode[];
  const graphs = await Promise.all(
    nodes.map((node) => node.eventually('status', {}, ({ graph }) => (graph.channels === CHANNELS && graph.nodes === 4 ? graph : null))),
  );
  return {
    text: `each of them knows 4 nodes and ${CHANNELS} channels; alice had heard of two by herself`,
    facts: { graphs: graphs.map((graph, i) => ({ name: nodes[i]?.name ?? '', ...graph })) },
  };
}

async function invoiceOf(node: DemoNode, sat: number, description: string): Promise<string> {
  return (await node.call('invoice.create', { amount_msat: sat * 1000, description })).bolt11;
}

function readInvoice(bolt11: string, by: DemoNode): Told {
  const decoded = decodeInvoice(bolt11);
  claim(decoded.ok, 'the invoice can be read', decoded.ok ? undefined : decoded.failure.message);
  const { payee, amount, paymentHash, description } = decoded.value;
  claim(toHex(payee) === by.nodeId, `${by.name} signed it`, toHex(payee));
  claim(amount === BigInt(SPLIT_SAT) * 1000n, 'it asks for what was agreed', amount);
  return {
    text: `dave asks for ${showMsat(amount)} for ${description}: ${bolt11.slice(0, 28)}...`,
    facts: { bolt11, payment_hash: toHex(paymentHash), payee: toHex(payee) },
  };
}

async function findRoutes({ alice, bob, carol }: Cast, bolt11: string): Promise<{ readonly told: Told; readonly feeMsat: bigint }> {
  const planned = await alice.call('pay', { destination: bolt11, dry_run: true });
  const via = planned.parts.map(({ hops }) => hops[0]?.node_id);
  claim(planned.status === 'planned' && planned.parts.length === 2, 'two parts are planned', planned);
  claim(
    [bob, carol].every(({ nodeId }) => via.includes(nodeId)),
    'one part goes by bob and one by carol',
    via,
  );
  const feeMsat = BigInt(planned.fee_msat);
  const shares = planned.parts.map(
    (part) => `${showMsat(BigInt(part.amount_msat))} by ${part.hops[0]?.node_id === bob.nodeId ? 'bob' : 'carol'}`,
  );
  return {
    told: {
      text: `no channel is large enough alone: ${shares.join(', ')}; fee ${showMsat(feeMsat)}`,
      facts: { fee_msat: Number(feeMsat), parts: planned.parts },
    },
    feeMsat,
  };
}

async function paySplit({ alice, bob, carol, dave }: Cast, part: { readonly bolt11: string; readonly feeMsat: bigint }): Promise<Told> {
  const paid = await alice.call('pay', { destination: part.bolt11, dry_run: false });
  claim(paid.status === 'settled' && paid.preimage !== null && paid.payment_hash !== null, 'the payment settled', paid);
  claim(equal(sha256(fromHex(paid.preimage)), fromHex(paid.payment_hash)), 'the preimage is that of the invoice', paid.preimage);
  // The first preimage settles the payment; the other part may still be on its way back.
  const settled = paid.parts.filter(({ status }) => status !== 'failed');
  const via = new Set(settled.map(({ hops }) => hops[0]?.node_id));
  claim(via.has(bob.nodeId) && via.has(carol.nodeId), 'parts went over both paths', [...via]);
  claim(paid.failures.length > 0 || BigInt(paid.fee_msat) === part.feeMsat, 'the fee is what was planned', paid.fee_msat);
  const { invoice } = await dave.call('invoice.show', { payment_hash: paid.payment_hash });
  claim(invoice.state === 'settled' && BigInt(invoice.amount_received_msat) === BigInt(SPLIT_SAT) * 1000n, 'dave has it all', invoice);
  return {
    text: `${showSat(BigInt(SPLIT_SAT))} arrived in ${settled.length} parts over two paths, fee ${showMsat(BigInt(paid.fee_msat))}; preimage ${paid.preimage.slice(0, 16)}...`,
    facts: {
      payment_hash: paid.payment_hash,
      preimage: paid.preimage,
      fee_msat: paid.fee_msat,
      parts: settled.length,
      payment_ms: paid.duration_ms,
    },
  };
}

async function payTooMuch(cast: Cast): Promise<Told> {
  const { alice, dave } = cast;
  const before = await alice.call('channel.list', {});
  const bolt11 = await invoiceOf(dave, TOO_MUCH_SAT, 'another bicycle');
  // In one part: parts that arrive would wait at dave for those that cannot, until his minute is over.
  const run = await alice.cli('pay', bolt11, '--max-parts', '1');
  const paid = run.json as unknown as ResultOf<'pay'>;
  claim(run.exitCode === 4 && paid.status === 'failed', 'the payment failed for sure, with exit 4', run);
  claim(paid.payment_hash !== null, 'it has a payment hash');
  const explained = await alice.call('payment.explain', { payment_hash: paid.payment_hash });
  const refusal = explained.attempts.find(({ status, where }) => status === 'failed' && where !== null);
  claim(refusal !== undefined, 'an attempt tells where it failed', explained.attempts);
  const after = await alice.call('channel.list', {});
  claim(balanceOf(after.channels) === balanceOf(before.channels), 'nothing was lost', after.channels);
  return {
    text: `exit 4, and why: ${refusal.what}\nwhere: ${byName(cast, `${refusal.where}`)}${refusal.help === null ? '' : `\nwhat helps: ${refusal.help}`}`,
    facts: { exit_code: run.exitCode, payment_hash: paid.payment_hash, verdict: explained.verdict, attempts: explained.attempts },
  };
}

async function closeChannel(world: World, { alice, bob }: Cast): Promise<Told> {
  const { channels } = await alice.call('channel.list', {});
  const channel = channels.find(({ peer }) => peer === bob.nodeId);
  claim(channel !== undefined, 'alice has a channel with bob');
  const before = await alice.call('wallet.balance', {});
  const closed = await alice.call('channel.close', { channel: channel.channel_id, dry_run: false });
  claim(closed.how === 'cooperative' && closed.txids[0] !== undefined, 'both sides signed', closed);
  await world.awaitMempool(closed.txids[0]);
  await world.mine(1);
  const least = BigInt(before.confirmed_sat) + BigInt(closed.to_us_msat) / 1000n - BigInt(closed.fee_sat);
  const confirmed = await alice.eventually('wallet.balance', {}, ({ confirmed_sat }) =>
    BigInt(confirmed_sat) > BigInt(before.confirmed_sat) ? BigInt(confirmed_sat) : null,
  );
  claim(confirmed >= least, 'her share is back but for the fee she was told', { confirmed, least });
  const back = confirmed - BigInt(before.confirmed_sat);
  return {
    text: `both sides signed; ${showSat(back)} are back in alice's wallet, confirmed`,
    facts: { channel_id: channel.channel_id, txid: closed.txids[0] ?? null, returned_sat: Number(back) },
  };
}

async function payOneShot({ alice, dave }: Cast): Promise<Told> {
  const bolt11 = await invoiceOf(dave, LAST_SAT, 'a bell');
  const stopped = await alice.cli('stop');
  claim(stopped.exitCode === 0, 'the daemon was stopped', { exit: stopped.exitCode });
  await alice.end();
  const run = await alice.cli('pay', bolt11);
  const paid = run.json as unknown as ResultOf<'pay'>;
  claim(run.exitCode === 0 && paid.status === 'settled' && paid.preimage !== null, 'the one command paid', {
    exit: run.exitCode,
    ...run.json,
  });
  const { invoice } = await dave.call('invoice.show', { payment_hash: paid.payment_hash as string });
  claim(invoice.state === 'settled', 'dave has it', invoice);
  return {
    text: `\`lnkit pay\` was the node: cold start, ${showSat(BigInt(LAST_SAT))} over two hops, preimage, exit, in ${Math.round(run.durationMs)} ms`,
    facts: { payment_hash: paid.payment_hash, preimage: paid.preimage, process_ms: Math.round(run.durationMs) },
  };
}

/** Node ids in a text, as the names that the story gives them. */
const byName = (cast: Cast, text: string): string =>
  (Object.values(cast) as DemoNode[]).reduce((now, { nodeId, name }) => now.replaceAll(nodeId, name), text);

const balanceOf = (channels: Channels): bigint => channels.reduce((sum, { local_msat }) => sum + BigInt(local_msat), 0n);
