import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AcceptDecision, type Acceptor, type AcceptRequest, acceptChannels } from './acceptor.ts';
import type { Bitcoind } from './bitcoind.ts';
import { LndClient, type OpenChannelOptions, type Outpoint } from './lnd-client.ts';
import type { Graph, LndChannel } from './lnd-types.ts';
import { peerBinary } from './peers.ts';
import { eventually } from './poll.ts';
import { freePort } from './ports.ts';
import { type Supervised, supervise } from './process.ts';
import { RestClient } from './rest.ts';

export interface LndOptions {
  readonly bitcoind: Bitcoind;
  readonly directory: string;
  readonly alias: string;
  /** `option_simple_close` (RBF close); without it the close with closing_signed. Default false. */
  readonly simpleClose?: boolean;
  /** Further options of lnd's command line. */
  readonly extraArgs?: readonly string[];
}

/** An lnd on regtest over the given bitcoind. Ports, keys and data survive `restart`, `stop` and `kill`. */
export class Lnd {
  readonly alias: string;
  readonly directory: string;
  readonly logFile: string;
  readonly ports: { readonly p2p: number; readonly rpc: number; readonly rest: number };
  readonly #options: LndOptions;
  #process: Supervised | undefined;
  #client: LndClient | undefined;
  #nodeId = '';

  private constructor(options: LndOptions, ports: Lnd['ports']) {
    this.#options = options;
    this.alias = options.alias;
    this.directory = options.directory;
    this.logFile = join(options.directory, 'lnd.log');
    this.ports = ports;
  }

  /** Starts it and waits until it serves its API and is synced to the chain. */
  static async start(options: LndOptions): Promise<Lnd> {
    mkdirSync(options.directory, { recursive: true });
    const lnd = new Lnd(options, { p2p: await freePort(), rpc: await freePort(), rest: await freePort() });
    await lnd.run();
    return lnd;
  }

  get certificateFile(): string {
    return join(this.directory, 'tls.cert');
  }

  get macaroonFile(): string {
    return join(this.directory, 'data', 'chain', 'bitcoin', 'regtest', 'admin.macaroon');
  }

  get nodeId(): string {
    return this.#nodeId;
  }

  /** `NODE_ID@127.0.0.1:PORT`. */
  get address(): string {
    return `${this.#nodeId}@127.0.0.1:${this.ports.p2p}`;
  }

  /** @throws Error while lnd does not run */
  get client(): LndClient {
    if (this.#client === undefined) throw new Error(`lnd ${this.alias} is not running`);
    return this.#client;
  }

  get running(): boolean {
    return this.#process?.endReason() === undefined && this.#process !== undefined;
  }

  /** Starts the process (again). `extraArgs` come on top of the ones it was made with, for this run only. */
  async run(extraArgs: readonly string[] = []): Promise<void> {
    const args = [...commandLine(this.#options, this), ...extraArgs];
    const started = await supervise({ name: `lnd ${this.alias}`, command: peerBinary('lnd'), args, logFile: this.logFile });
    this.#process = started;
    const waiting = { gaveUp: started.endReason, timeoutMs: 120_000 };
    await eventually(`lnd ${this.alias} to write its macaroon`, async () => existsSync(this.macaroonFile), waiting);
    const rest = new RestClient({ port: this.ports.rest, certificateFile: this.certificateFile, macaroonFile: this.macaroonFile });
    this.#client = new LndClient(rest);
    this.#nodeId = (await eventually(`lnd ${this.alias} to serve its API`, () => this.client.getInfo(), waiting)).identity_pubkey;
    await this.waitForSync();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#forget();
  }

  /** SIGKILL, as a crash. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#forget();
  }

  async restart(extraArgs: readonly string[] = []): Promise<void> {
    await this.stop();
    await this.run(extraArgs);
  }

  #forget(): void {
    this.#client?.rest.close();
    this.#client = undefined;
    this.#process = undefined;
  }

  /** Waits until lnd has processed the block at `height` (default: bitcoind's tip) and calls itself synced. */
  async waitForSync(height?: number): Promise<void> {
    const target = height ?? (await this.#options.bitcoind.height());
    await eventually(`lnd ${this.alias} to reach height ${target}`, async () => {
      const info = await this.client.getInfo();
      return info.block_height >= target && info.synced_to_chain;
    });
  }

  /** Sends it `sats` from bitcoind, mines a block and waits until they are confirmed in its wallet. */
  async fund(sats: number): Promise<void> {
    const { bitcoind } = this.#options;
    const before = Number((await this.client.walletBalance()).confirmed_balance);
    await bitcoind.sendToAddress(await this.client.newAddress(), sats);
    await bitcoind.mine(1);
    await eventually(`lnd ${this.alias} to see its funds`, async () => {
      return Number((await this.client.walletBalance()).confirmed_balance) >= before + sats;
    });
    await this.waitForSync();
  }

  /** Opens a channel, mines `confirmations` blocks (default 6) on it and waits until this lnd calls it active. */
  async openActiveChannel(options: OpenChannelOptions, confirmations = 6): Promise<Outpoint> {
    const channel = await this.client.openChannel(options);
    await this.#options.bitcoind.waitForTransaction(channel.txid);
    if (confirmations > 0) await this.#options.bitcoind.mine(confirmations);
    await this.waitForChannel(channel);
    return channel;
  }

  /** Waits until the channel is active, with the peer connected, and stands with the own policy in the graph that payments are routed over. */
  waitForChannel(channel: Outpoint): Promise<LndChannel> {
    return eventually(`lnd ${this.alias} to have channel ${channel.txid}:${channel.index} active`, async () => {
      const found = await this.channel(channel);
      if (found?.active !== true) return undefined;
      const edge = await this.edge(channel);
      const own = edge?.node1_pub === this.#nodeId ? edge.node1_policy : edge?.node2_policy;
      return own ? found : undefined;
    });
  }

  /** The open channel with this funding output, active or not. */
  async channel({ txid, index }: Outpoint): Promise<LndChannel | undefined> {
    return (await this.client.listChannels()).find((each) => each.channel_point === `${txid}:${index}`);
  }

  /**
   * Waits until the channel is neither open nor closing: all of its money is back on chain as far as lnd is concerned. lnd counts a
   * close only after 3 to 6 confirmations, by the channel's size, and after a force close its sweeps need blocks of their own.
   * @returns lnd's close type
   */
  async waitForClosed(channel: Outpoint): Promise<string> {
    return eventually(`lnd ${this.alias} to have closed ${channel.txid}:${channel.index}`, () => this.closeType(channel));
  }

  /** COOPERATIVE_CLOSE, LOCAL_FORCE_CLOSE and so on, or undefined while the channel is open or closing. */
  async closeType({ txid, index }: Outpoint): Promise<string | undefined> {
    return (await this.client.closedChannels()).find((each) => each.channel_point === `${txid}:${index}`)?.close_type;
  }

  /** The channel as lnd's graph has it, announced or not. */
  async edge({ txid, index }: Outpoint): Promise<Graph['edges'][number] | undefined> {
    return (await this.client.describeGraph({ unannounced: true })).edges.find((each) => each.chan_point === `${txid}:${index}`);
  }

  /**
   * Waits until the graph has the channel with the policies of both ends: hints of a private channel need the other end's. Between
   * two lnds use `Lab.shareEdge`: an lnd drops a channel_update for a channel that it is just adding itself, and does not ask again.
   */
  async waitForEdge(channel: Outpoint, timeoutMs = 60_000): Promise<void> {
    const complete = async (): Promise<boolean> => {
      const edge = await this.edge(channel);
      return edge !== undefined && edge.node1_policy !== null && edge.node2_policy !== null;
    };
    await eventually(`lnd ${this.alias} to know both policies of ${channel.txid}:${channel.index}`, complete, { timeoutMs });
  }

  /** Decides on inbound channels until the returned acceptor is closed. */
  acceptChannels(decide: (request: AcceptRequest) => AcceptDecision): Promise<Acceptor> {
    return acceptChannels({ rpcPort: this.ports.rpc, certificateFile: this.certificateFile, macaroonFile: this.macaroonFile }, decide);
  }
}

function commandLine(options: LndOptions, { directory, alias, ports }: Lnd): string[] {
  const { bitcoind } = options;
  return [
    ...[`--lnddir=${directory}`, `--alias=${alias}`, '--noseedbackup', '--bitcoin.regtest', '--bitcoin.node=bitcoind'],
    ...[`--bitcoind.rpchost=${bitcoind.rpcHost}`, `--bitcoind.rpcuser=${bitcoind.user}`, `--bitcoind.rpcpass=${bitcoind.password}`],
    `--bitcoind.zmqpubrawblock=tcp://127.0.0.1:${bitcoind.ports.zmqBlock}`,
    `--bitcoind.zmqpubrawtx=tcp://127.0.0.1:${bitcoind.ports.zmqTx}`,
    ...[`--listen=127.0.0.1:${ports.p2p}`, `--rpclisten=127.0.0.1:${ports.rpc}`, `--restlisten=127.0.0.1:${ports.rest}`],
    ...['--trickledelay=50', '--accept-keysend', '--accept-amp', '--maxpendingchannels=20', '--nobootstrap'],
    ...['--protocol.option-scid-alias', '--protocol.zero-conf', '--protocol.wumbo-channels'],
    // By default an edge waits half a second for its commit.
    '--db.batch-commit-interval=5ms',
    // By default the answer to describegraph is a minute old.
    '--caches.rpc-graph-cache-duration=0s',
    ...(options.simpleClose === true ? ['--protocol.rbf-coop-close'] : []),
    ...(options.extraArgs ?? []),
  ];
}
