import { join } from 'node:path';
import type { JsonObject } from '../../src/app/operation.ts';
import { findDaemon } from '../../src/app/remote.ts';
import type { Lab } from './harness/lab.ts';
import type { Lnd } from './harness/lnd.ts';
import type { Outpoint } from './harness/lnd-client.ts';
import { parseOutpoint } from './harness/lnd-client.ts';
import type { Json, Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';

/** A channel as `lnkit channel list` prints it, as far as the suite reads it. */
export interface LnkitChannel {
  readonly channel_id: string;
  readonly short_channel_id: string | null;
  readonly alias: string | null;
  readonly peer: string;
  readonly state: string;
  readonly connected: boolean;
  readonly usable: boolean;
  readonly public: boolean;
  readonly channel_type: readonly string[];
  readonly funding_outpoint: string | null;
  readonly capacity_sat: number;
  readonly local_msat: number;
  readonly remote_msat: number;
  readonly sendable_msat: number;
  readonly receivable_msat: number;
  readonly feerate_per_kw: number;
  readonly htlcs: readonly Json[];
  readonly closing: { readonly how: string; readonly txids: readonly string[] } | null;
}

export interface LnkitPayment {
  readonly status: string;
  readonly payment_hash: string | null;
  readonly preimage: string | null;
  readonly amount_msat: number;
  readonly fee_msat: number;
  readonly parts: readonly { readonly status: string; readonly hops: readonly { readonly fee_msat: number }[] }[];
  readonly failures: readonly { readonly reason: string; readonly hop: number | null; readonly final: boolean }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** Pays `sats` from bitcoind to a new address of lnkit and mines a block; the wallet counts them when this returns. */
export async function fund(lab: Lab, lnkit: Lnkit, sats: number): Promise<void> {
  const { address } = await lnkit.ok<{ address: string }>('wallet', 'address');
  const before = await confirmed(lnkit);
  await lab.bitcoind.sendToAddress(address, sats);
  await lab.mine(1);
  await eventually(`lnkit ${lnkit.name} to see its funds`, async () => (await confirmed(lnkit)) >= before + sats, { intervalMs: 200 });
}

export const confirmed = async (lnkit: Lnkit): Promise<number> =>
  (await lnkit.ok<{ confirmed_sat: number }>('wallet', 'balance')).confirmed_sat;

/** One operation over the daemon's socket: what the suite asks often or many times at once, where a process each would take all the time. */
export async function call<T>(lnkit: Lnkit, method: string, params: JsonObject = {}): Promise<T> {
  const daemon = await findDaemon(join(lnkit.directory, 'regtest', 'rpc.sock'));
  if (daemon === null) throw new Error(`the daemon of ${lnkit.name} does not run`);
  try {
    return (await daemon.call(method, params, { progress: () => {}, emit: () => {}, signal: new AbortController().signal })) as T;
  } finally {
    daemon.close();
  }
}

export async function channels(lnkit: Lnkit): Promise<readonly LnkitChannel[]> {
  type List = { readonly channels: readonly LnkitChannel[] };
  return (lnkit.daemonRunning ? await call<List>(lnkit, 'channel.list') : await lnkit.ok<List>('channel', 'list')).channels;
}

/** The channel with this funding output; undefined once nothing is left to do with it. */
export const channelAt = async (lnkit: Lnkit, { txid, index }: Outpoint): Promise<LnkitChannel | undefined> =>
  (await channels(lnkit)).find((each) => each.funding_outpoint === `${txid}:${index}`);

export function waitForState(lnkit: Lnkit, channel: Outpoint, what: string, is: (found: LnkitChannel) => boolean): Promise<LnkitChannel> {
  return eventually(`channel ${channel.txid} of ${lnkit.name} to be ${what}`, async () => {
    const found = await channelAt(lnkit, channel);
    return found !== undefined && is(found) ? found : undefined;
  });
}

export const waitUntilUsable = (lnkit: Lnkit, channel: Outpoint): Promise<LnkitChannel> =>
  waitForState(lnkit, channel, 'usable', (found) => found.usable);

export interface OpenOptions {
  readonly flags?: readonly string[];
  /** Blocks to mine on it: 6 announce a public one; 0 for zero-conf. */
  readonly confirmations?: number;
}

/** lnkit's daemon opens a channel to the lnd; both call it usable when this returns. */
export async function openToLnd(lab: Lab, lnkit: Lnkit, lnd: Lnd, sats: number, options: OpenOptions = {}): Promise<Outpoint> {
  const opened = await lnkit.ok<{ funding_outpoint: string }>('channel', 'open', lnd.address, `${sats}sat`, ...(options.flags ?? []));
  const channel = parseOutpoint(opened.funding_outpoint);
  await lab.bitcoind.waitForTransaction(channel.txid);
  await confirmAndAwait(lab, lnkit, lnd, channel, options.confirmations ?? 6);
  return channel;
}

/** The lnd opens a channel to lnkit's daemon; both call it usable when this returns. */
export async function openToLnkit(
  lab: Lab,
  lnd: Lnd,
  lnkit: Lnkit,
  options: Omit<Parameters<Lnd['client']['openChannel']>[0], 'peer'> & { readonly confirmations?: number },
): Promise<Outpoint> {
  const { confirmations, ...rest } = options;
  await lnd.client.connectPeer(lnkit.address);
  const channel = await lnd.client.openChannel({ ...rest, peer: lnkit.nodeId });
  await lab.bitcoind.waitForTransaction(channel.txid);
  await confirmAndAwait(lab, lnkit, lnd, channel, confirmations ?? 6);
  return channel;
}

async function confirmAndAwait(lab: Lab, lnkit: Lnkit, lnd: Lnd, channel: Outpoint, confirmations: number): Promise<void> {
  if (confirmations > 0) await lab.mine(confirmations);
  await Promise.all([waitUntilUsable(lnkit, channel), lnd.waitForChannel(channel)]);
}

/** `lnkit pay`, whatever its verdict. */
export async function pay(lnkit: Lnkit, ...args: readonly string[]): Promise<LnkitPayment & { readonly exitCode: number }> {
  const { exitCode, json } = await lnkit.run('pay', ...args);
  return { ...(json as unknown as LnkitPayment), exitCode };
}

export interface LnkitInvoice {
  readonly bolt11: string;
  readonly payment_hash: string;
}

export const invoice = (lnkit: Lnkit, amount: string, ...flags: readonly string[]): Promise<LnkitInvoice> =>
  lnkit.ok<LnkitInvoice>('invoice', 'create', amount, ...flags);
