import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Bitcoind } from './bitcoind.ts';
import { Lnd, type LndOptions } from './lnd.ts';
import type { Outpoint } from './lnd-client.ts';
import { Lnkit, type LnkitOptions } from './lnkit.ts';
import { missingPeers, type PeerName, peersRequired } from './peers.ts';
import { eventually } from './poll.ts';
import { keepsDirectories, logTail, removeDirectory, temporaryDirectory } from './process.ts';
import { Tapd } from './tapd.ts';

/** One regtest network in one temporary directory: a bitcoind and the nodes that a test file starts on it. */
export class Lab {
  readonly directory: string;
  readonly bitcoind: Bitcoind;
  readonly #lnds: Lnd[] = [];
  readonly #lnkits: Lnkit[] = [];
  readonly #tapds: Tapd[] = [];

  private constructor(directory: string, bitcoind: Bitcoind) {
    this.directory = directory;
    this.bitcoind = bitcoind;
  }

  static async open(): Promise<Lab> {
    const directory = temporaryDirectory();
    return new Lab(directory, await Bitcoind.start(join(directory, 'bitcoind')));
  }

  /** Starts an lnd; `fundSats` are confirmed in its wallet when it returns. */
  async lnd(
    alias: string,
    options: Partial<Pick<LndOptions, 'simpleClose' | 'extraArgs'>> & { readonly fundSats?: number } = {},
  ): Promise<Lnd> {
    const lnd = await Lnd.start({ ...options, alias, bitcoind: this.bitcoind, directory: join(this.directory, alias) });
    this.#lnds.push(lnd);
    if (options.fundSats !== undefined) await lnd.fund(options.fundSats);
    return lnd;
  }

  /** Makes an lnkit with a new wallet; no daemon runs yet. */
  async lnkit(name: string, options: Partial<Pick<LnkitOptions, 'chainUrl' | 'nodeConfig' | 'env' | 'mnemonic'>> = {}): Promise<Lnkit> {
    const lnkit = await Lnkit.create({ chainUrl: this.bitcoind.chainUrl, ...options, name, directory: join(this.directory, name) });
    this.#lnkits.push(lnkit);
    return lnkit;
  }

  async tapd(name: string, lnd: Lnd, courier?: string): Promise<Tapd> {
    const directory = join(this.directory, name);
    const tapd = await Tapd.start({ name, lnd, directory, ...(courier === undefined ? {} : { courier }) });
    this.#tapds.push(tapd);
    return tapd;
  }

  /** Mines and waits until every running lnd and every lnkit daemon has processed the blocks. */
  async mine(blocks: number): Promise<void> {
    await this.bitcoind.mine(blocks);
    const height = await this.bitcoind.height();
    const lnds = this.#lnds.filter((each) => each.running).map((each) => each.waitForSync(height));
    const daemons = this.#lnkits.filter((each) => each.daemonRunning).map((each) => each.waitForHeight(height));
    await Promise.all([...lnds, ...daemons]);
  }

  /** Waits until the transaction is in the mempool or a block, then mines `blocks` as `mine` does. */
  async confirm(txid: string, blocks = 1): Promise<void> {
    await this.bitcoind.waitForTransaction(txid);
    await this.mine(blocks);
  }

  /** Mines block after block until there is an answer, with a moment after each for the nodes to publish what it allows. */
  async mineUntil<T>(what: string, ask: () => Promise<T | undefined | false>, maxBlocks = 200): Promise<T> {
    for (let block = 0; block < maxBlocks; block++) {
      const answer = await eventually(what, ask, { timeoutMs: 150 }).catch(() => undefined);
      if (answer !== undefined) return answer;
      await this.mine(1);
    }
    return eventually(`${what}, after ${maxBlocks} blocks`, ask, { timeoutMs: 5_000 });
  }

  /**
   * Waits until both lnds of a channel know both of its policies. Two lnds see a block at the same moment, and an lnd that gets a
   * channel_update while it is just adding that channel refuses it ("edge not found") and every later one of that channel and peer
   * until it is restarted: that is done here, and the peer sends a new one.
   */
  async shareEdge(channel: Outpoint, ends: readonly [Lnd, Lnd]): Promise<void> {
    await Promise.all(ends.map((end) => end.waitForChannel(channel)));
    for (const [one, other] of [ends, [ends[1], ends[0]]] as const) {
      const complete = await other.waitForEdge(channel, 2_000).then(
        () => true,
        () => false,
      );
      if (complete) continue;
      await other.restart();
      await other.client.connectPeer(one.address);
      await Promise.all(ends.map((end) => end.waitForChannel(channel)));
      await one.client.updateChannelPolicy({ baseFeeMsat: 1_000, feeRatePpm: 1, timeLockDelta: 80, channel });
    }
    await Promise.all(ends.map((end) => end.waitForEdge(channel)));
  }

  /** The end of every log, for the message of a failure. */
  logs(lines = 40): string {
    const files = [this.bitcoind, ...this.#lnds, ...this.#lnkits, ...this.#tapds].map((each) => each.logFile);
    return files.map((file) => `--- ${file}\n${logTail(file, lines)}`).join('\n');
  }

  /** Ends every process and removes the directory (kept with LNKIT_KEEP=1, and named). */
  async close(): Promise<void> {
    await Promise.allSettled(this.#lnkits.map((each) => each.stopDaemon()));
    await Promise.allSettled(this.#tapds.map((each) => each.stop()));
    await Promise.allSettled(this.#lnds.map((each) => each.stop()));
    await this.bitcoind.stop();
    if (keepsDirectories()) process.stderr.write(`kept ${this.directory}\n`);
    removeDirectory(this.directory);
  }
}

/**
 * Gives a test file its lab: opened before its tests, closed after them, whatever happened. Where a peer is not installed every
 * test is skipped with the reason, or fails with LNKIT_REQUIRE_PEERS=1.
 * @param peers what must be installed
 * @param prepare starts the nodes of the file; what it returns is what the returned function gives to the tests
 */
export function useLab<T extends object>(peers: readonly PeerName[], prepare: (lab: Lab) => Promise<T>): () => T & { readonly lab: Lab } {
  let lab: Lab | undefined;
  let prepared: T | undefined;
  beforeAll(async () => {
    const missing = missingPeers(peers);
    if (missing !== undefined && peersRequired()) throw new Error(missing);
    if (missing !== undefined) {
      process.stderr.write(`skipped: ${missing}\n`);
      return;
    }
    lab = await Lab.open();
    try {
      prepared = await prepare(lab);
    } catch (error) {
      process.stderr.write(`${lab.logs()}\n`);
      throw error;
    }
  });
  beforeEach((context) => {
    const missing = missingPeers(peers);
    if (missing !== undefined) context.skip(missing);
    context.onTestFailed(() => {
      if (lab !== undefined) process.stderr.write(`${lab.logs()}\n`);
    });
  });
  afterAll(async () => {
    await lab?.close();
  });
  return () => {
    if (lab === undefined || prepared === undefined) throw new Error('the lab is open only inside tests');
    return { ...prepared, lab };
  };
}
