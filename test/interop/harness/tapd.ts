import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Lnd } from './lnd.ts';
import { peerBinary } from './peers.ts';
import { eventually } from './poll.ts';
import { freePort } from './ports.ts';
import { type Supervised, supervise } from './process.ts';
import { RestClient } from './rest.ts';

const execute = promisify(execFile);

export interface TapdOptions {
  readonly lnd: Lnd;
  readonly directory: string;
  readonly name: string;
  /** The universe and proof courier that it uses, `universerpc://127.0.0.1:PORT`; default: itself, open to everybody. */
  readonly courier?: string;
}

/** A tapd (Taproot Assets) over an lnd of the harness. */
export class Tapd {
  readonly directory: string;
  readonly logFile: string;
  readonly ports: { readonly rpc: number; readonly rest: number };
  readonly #options: TapdOptions;
  #process: Supervised | undefined;
  #rest: RestClient | undefined;

  private constructor(options: TapdOptions, ports: Tapd['ports']) {
    this.#options = options;
    this.directory = options.directory;
    this.logFile = join(options.directory, 'tapd.log');
    this.ports = ports;
  }

  static async start(options: TapdOptions): Promise<Tapd> {
    mkdirSync(options.directory, { recursive: true });
    const tapd = new Tapd(options, { rpc: await freePort(), rest: await freePort() });
    await tapd.run();
    return tapd;
  }

  /** Its address as a universe and proof courier. */
  get courier(): string {
    return `universerpc://127.0.0.1:${this.ports.rpc}`;
  }

  get certificateFile(): string {
    return join(this.directory, 'tls.cert');
  }

  get macaroonFile(): string {
    return join(this.directory, 'data', 'regtest', 'admin.macaroon');
  }

  /** @throws Error while tapd does not run */
  get rest(): RestClient {
    if (this.#rest === undefined) throw new Error(`tapd ${this.#options.name} is not running`);
    return this.#rest;
  }

  /** Starts the process (again) and waits for its answer. */
  async run(): Promise<void> {
    const { name, lnd, courier } = this.#options;
    const args = [
      ...[
        `--tapddir=${this.directory}`,
        '--network=regtest',
        `--rpclisten=127.0.0.1:${this.ports.rpc}`,
        `--restlisten=127.0.0.1:${this.ports.rest}`,
      ],
      ...[`--lnd.host=127.0.0.1:${lnd.ports.rpc}`, `--lnd.macaroonpath=${lnd.macaroonFile}`, `--lnd.tlspath=${lnd.certificateFile}`],
      ...['--allow-public-uni-proof-courier', '--universe.public-access=rw', '--universe.sync-all-assets'],
      `--proofcourieraddr=${courier ?? this.courier}`,
      // Without these a retry takes 30 seconds.
      ...['--universerpccourier.initialbackoff=200ms', '--universerpccourier.maxbackoff=1s', '--custodianproofretrievaldelay=0s'],
    ];
    const started = await supervise({ name: `tapd ${name}`, command: peerBinary('tapd'), args, logFile: this.logFile });
    this.#process = started;
    const waiting = { gaveUp: started.endReason, timeoutMs: 120_000 };
    await eventually(`tapd ${name} to write its macaroon`, async () => existsSync(this.macaroonFile), waiting);
    this.#rest = new RestClient({ port: this.ports.rest, certificateFile: this.certificateFile, macaroonFile: this.macaroonFile });
    await eventually(`tapd ${name} to serve its API`, () => this.rest.call('GET', '/v1/taproot-assets/getinfo'), waiting);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#rest?.close();
    this.#rest = undefined;
    this.#process = undefined;
  }

  /** Runs `tapcli ARGS`, the one beside tapd, and returns its JSON. */
  async cli<T = Readonly<Record<string, unknown>>>(...args: readonly string[]): Promise<T> {
    const access = [`--rpcserver=127.0.0.1:${this.ports.rpc}`, `--tapddir=${this.directory}`, '--network=regtest'];
    const { stdout } = await execute(join(dirname(peerBinary('tapd')), 'tapcli'), [...access, ...args], { maxBuffer: 64 << 20 });
    return JSON.parse(stdout) as T;
  }
}
