import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { RpcClient } from '../../io/chain/rpc.ts';
import type { OperationName, ParamsOf, ResultOf } from '../api/index.ts';
import type { JsonObject } from '../operation.ts';
import { type Daemon, findDaemon } from '../remote.ts';
import { Child } from './child.ts';
import { freePort } from './ports.ts';

export interface WorldOptions {
  /** An empty folder; everything lies below it. */
  readonly directory: string;
  /** The script that `lnkit` is. */
  readonly entry: string;
  readonly signal: AbortSignal;
  /** Flags of `node` for the daemons, by the name of the node. */
  readonly nodeFlags?: (name: string) => readonly string[];
}

/** What one run of the command left. */
export interface CliRun {
  readonly exitCode: number;
  readonly json: JsonObject;
  readonly durationMs: number;
}

const POLL_MS = 20;
const START_PATIENCE_MS = 30_000;

/** The built-in chain and some nodes on it, each a process of its own, started as a user would start them. Loopback and regtest only. */
export class World {
  readonly directory: string;
  readonly #options: WorldOptions;
  readonly #taken = new Set<number>();
  readonly #nodes: DemoNode[] = [];
  readonly #servers: Child[] = [];
  #chain: { readonly child: Child; readonly rpc: RpcClient; readonly url: string } | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.directory = options.directory;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** URL for `--chain`; the cookie in it is a file, so that it stays right when the chain is served again. */
  get chainUrl(): string {
    if (this.#chain === null) throw new Error('the chain is not served');
    return this.#chain.url;
  }

  /** `HOST:PORT` where the chain is served; null where it never was. */
  get chainPlace(): string | null {
    return this.#chain === null ? null : this.#chain.url.slice(this.#chain.url.lastIndexOf('@') + 1);
  }

  /** The process ids of everything that runs. */
  get pids(): readonly number[] {
    return [this.#chain?.child, ...this.#nodes.map((node) => node.child), ...this.#servers].flatMap((child) =>
      child === undefined || child === null || child.endReason() !== null ? [] : [child.pid],
    );
  }

  /** `lnkit chain serve`: resolves when it answers. */
  async serveChain(): Promise<void> {
    const port = await freePort(this.#taken);
    const datadir = join(this.directory, 'chain');
    mkdirSync(datadir, { recursive: true, mode: 0o700 });
    const child = this.start('chain', ['chain', 'serve', '--listen', `127.0.0.1:${port}`], datadir);
    const cookie = join(datadir, 'regtest', 'chain.cookie');
    await this.until('the chain is served', child, () => existsSync(cookie));
    const rpc = new RpcClient({ host: '127.0.0.1', port, auth: { kind: 'cookie', path: cookie } });
    this.#chain = { child, rpc, url: `bitcoind+cookie://${encodeURI(cookie)}@127.0.0.1:${port}` };
    await this.until('the chain answers', child, async () => (await rpc.call('getblockcount')).ok);
  }

  /** Makes a wallet (`lnkit init`) and starts a daemon (`lnkit start`) on it. */
  async addNode(name: string): Promise<DemoNode> {
    const node = new DemoNode(this, name, await freePort(this.#taken));
    this.#nodes.push(node);
    await node.create();
    await node.start();
    return node;
  }

  /** `lnkit universe serve` beside a node's daemon: resolves with HOST:PORT when it listens. */
  async serveUniverse(node: DemoNode): Promise<string> {
    const place = `127.0.0.1:${await freePort(this.#taken)}`;
    const child = this.start(`${node.name}'s universe`, ['universe', 'serve', '--listen', place], node.datadir);
    this.#servers.push(child);
    const port = Number(place.split(':')[1]);
    await this.until('the universe is served', child, () => answers({ host: '127.0.0.1', port }));
    return place;
  }

  /** Calls a method of the chain. Throws where it refuses. */
  async chainCall(method: string, params: readonly unknown[] = []): Promise<unknown> {
    if (this.#chain === null) throw new Error('the chain is not served');
    const answer = await this.#chain.rpc.call(method, params);
    if (!answer.ok) throw new Error(`${method}: ${answer.failure.message}`);
    if (answer.value.kind === 'error') throw new Error(`the chain refused ${method}: ${answer.value.message}`);
    return answer.value.value;
  }

  async height(): Promise<number> {
    return (await this.chainCall('getblockcount')) as number;
  }

  /** Until a transaction has reached the mempool: nodes broadcast after they have answered. */
  async awaitMempool(txid: string): Promise<void> {
    const child = this.#chain?.child as Child;
    await this.until(`${txid} is in the mempool`, child, async () =>
      ((await this.chainCall('getrawmempool')) as readonly string[]).includes(txid),
    );
  }

  /** Mines, and waits until every running node has followed. */
  async mine(blocks: number): Promise<number> {
    await this.chainCall('generate', [blocks]);
    const height = await this.height();
    await Promise.all(this.#nodes.filter((node) => node.running).map((node) => node.reaches(height)));
    return height;
  }

  /** Starts `lnkit WORDS` as a process that stays. */
  start(name: string, words: readonly string[], datadir: string): Child {
    const args = [...(this.#options.nodeFlags?.(name) ?? []), this.#options.entry, ...words];
    return new Child({ name, args, env: environment(datadir), logFile: join(datadir, 'log') });
  }

  /** Runs `lnkit WORDS --json` to its end. */
  run(words: readonly string[], datadir: string): Promise<CliRun> {
    const started = performance.now();
    const child = spawn(process.execPath, [this.#options.entry, ...words, '--json'], {
      env: environment(datadir),
      stdio: ['ignore', 'pipe', 'ignore'],
      signal: this.signal,
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        const durationMs = performance.now() - started;
        try {
          resolve({ exitCode: code ?? -1, json: JSON.parse(out) as JsonObject, durationMs });
        } catch {
          reject(new Error(`lnkit ${words.join(' ')} ended with ${code} and printed no JSON: ${out.slice(0, 300)}`));
        }
      });
    });
  }

  /** Asks until it is so. Throws where `child` ends, or the time is over, or the user interrupts. */
  async until(what: string, child: Child, ask: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + START_PATIENCE_MS;
    while (!(await ask())) {
      const ended = child.endReason();
      if (ended !== null) throw new Error(ended);
      this.signal.throwIfAborted();
      if (performance.now() > end) throw new Error(`it took more than ${START_PATIENCE_MS / 1000} s until ${what}: ${child.lastWords()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends every process by its own id, the nodes before the chain. */
  async end(): Promise<void> {
    await Promise.all([...this.#servers, ...this.#nodes].map((each) => each.end()));
    this.#chain?.rpc.close();
    await this.#chain?.child.end();
  }
}

/** A node of its own data directory, with its daemon. */
export class DemoNode {
  readonly name: string;
  readonly datadir: string;
  readonly port: number;
  readonly #world: World;
  #child: Child | null = null;
  #daemon: Daemon | null = null;
  #nodeId = '';

  constructor(world: World, name: string, port: number) {
    this.#world = world;
    this.name = name;
    this.port = port;
    this.datadir = join(world.directory, name);
  }

  get child(): Child | null {
    return this.#child;
  }
  get running(): boolean {
    return this.#child !== null && this.#child.endReason() === null;
  }
  get nodeId(): string {
    return this.#nodeId;
  }
  /** For `peer connect` and `channel open`. */
  get uri(): string {
    return `${this.#nodeId}@127.0.0.1:${this.port}`;
  }

  /** Writes lnkit.toml and makes the wallet. */
  async create(): Promise<void> {
    mkdirSync(this.datadir, { recursive: true, mode: 0o700 });
    const table = [
      'network = "regtest"',
      `chain = ${JSON.stringify(this.#world.chainUrl)}`,
      '[node]',
      `alias = ${JSON.stringify(this.name)}`,
      `listen = ["127.0.0.1:${this.port}"]`,
      `announce = ["127.0.0.1:${this.port}"]`,
    ];
    writeFileSync(join(this.datadir, 'lnkit.toml'), `${table.join('\n')}\n`, { mode: 0o600 });
    const made = await this.cli('init');
    if (made.exitCode !== 0) throw new Error(`no wallet for ${this.name}: ${JSON.stringify(made.json['error'])}`);
    this.#nodeId = `${made.json['node_id']}`;
  }

  /** Starts the daemon and connects to its socket. */
  async start(): Promise<void> {
    const child = this.#world.start(this.name, ['start'], this.datadir);
    this.#child = child;
    const path = join(this.datadir, 'regtest', 'rpc.sock');
    await this.#world.until(`${this.name} answers`, child, async () => existsSync(path) && (await answers({ path })));
    this.#daemon = await findDaemon(path);
    if (this.#daemon === null) throw new Error(`${this.name} closed its socket at once: ${child.lastWords()}`);
  }

  /** Runs an operation in the daemon. Throws AppError. */
  async call<N extends OperationName>(name: N, params: ParamsOf<N>): Promise<ResultOf<N>> {
    if (this.#daemon === null) throw new Error(`${this.name} does not run`);
    const hooks = { progress() {}, emit() {}, signal: this.#world.signal };
    return (await this.#daemon.call(name, params as JsonObject, hooks)) as ResultOf<N>;
  }

  /** Runs the command line on this node's data directory: through the daemon where it runs, as a node of its own where not. */
  cli(...words: readonly string[]): Promise<CliRun> {
    return this.#world.run(words, this.datadir);
  }

  /** Asks until `look` finds something in what the operation answers. */
  async eventually<N extends OperationName, T>(name: N, params: ParamsOf<N>, look: (result: ResultOf<N>) => T | null): Promise<T> {
    let found: T | null = null;
    await this.#world.until(`${this.name} sees it in ${name}`, this.#child as Child, async () => {
      found = look(await this.call(name, params));
      return found !== null;
    });
    return found as T;
  }

  async reaches(height: number): Promise<void> {
    await this.eventually('status', {}, (status) => (status.block_height >= height ? true : null));
  }

  async end(): Promise<void> {
    this.#daemon?.close();
    this.#daemon = null;
    await this.#child?.end();
  }
}

/** The settings of whoever runs this must not reach the nodes. */
function environment(datadir: string): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LNKIT_')));
  return { ...inherited, NO_COLOR: '1', LNKIT_DATADIR: datadir, LNKIT_NETWORK: 'regtest' };
}

/** Whether somebody listens. Not `findDaemon`, which would remove a socket that its owner is about to listen on. */
function answers(place: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
