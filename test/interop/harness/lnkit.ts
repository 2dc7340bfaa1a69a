import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './poll.ts';
import { freePort } from './ports.ts';
import { type Supervised, supervise, watch } from './process.ts';

const ENTRY = fileURLToPath(new URL('../../../bin/lnkit.js', import.meta.url));

/** What one run of the command left. */
export interface CliResult {
  /** -1 for a command that a signal ended. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The document on stdout; of a stream, its last line. Empty when stdout holds no JSON. */
  readonly json: Json;
  /** Every line of a stream. */
  readonly lines: readonly Json[];
}

export type Json = Readonly<Record<string, unknown>>;

/** A command that runs now. */
export interface RunningCli {
  readonly pid: number;
  readonly result: Promise<CliResult>;
  kill(): Promise<void>;
}

export interface LnkitOptions {
  readonly name: string;
  readonly directory: string;
  /** URL of the chain backend, as `--chain` takes it. */
  readonly chainUrl: string;
  /** Further lines of the `[node]` table of lnkit.toml. */
  readonly nodeConfig?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The words that the wallet is made from; new ones where there are none. */
  readonly mnemonic?: string;
}

/** One lnkit data directory on regtest, with the commands run on it: one-shot, or through the daemon while that runs. */
export class Lnkit {
  readonly name: string;
  readonly directory: string;
  readonly listenPort: number;
  readonly logFile: string;
  readonly #options: LnkitOptions;
  #daemon: Supervised | undefined;
  #nodeId = '';

  private constructor(options: LnkitOptions, listenPort: number) {
    this.#options = options;
    this.name = options.name;
    this.directory = options.directory;
    this.listenPort = listenPort;
    this.logFile = join(options.directory, 'daemon.log');
  }

  /** Makes the data directory and the wallet (`lnkit init`). */
  static async create(options: LnkitOptions): Promise<Lnkit> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const node = new Lnkit(options, await freePort());
    const listen = `listen = ["127.0.0.1:${node.listenPort}"]`;
    const table = [`chain = "${options.chainUrl}"`, '[node]', `alias = "${options.name}"`, listen, ...(options.nodeConfig ?? [])];
    writeFileSync(join(options.directory, 'lnkit.toml'), `${table.join('\n')}\n`, { mode: 0o600 });
    const { mnemonic } = options;
    const making = await node.spawn(['init', ...(mnemonic === undefined ? [] : ['--mnemonic', '-'])], { stdin: mnemonic ?? '' });
    const made = await making.result;
    if (made.exitCode !== 0) throw new Error(`lnkit init exited with ${made.exitCode}\n${made.stdout}${made.stderr}`);
    node.#nodeId = made.json['node_id'] as string;
    return node;
  }

  get nodeId(): string {
    return this.#nodeId;
  }

  /** `NODE_ID@127.0.0.1:PORT`; it answers while the daemon runs. */
  get address(): string {
    return `${this.#nodeId}@127.0.0.1:${this.listenPort}`;
  }

  get daemonRunning(): boolean {
    return this.#daemon !== undefined && this.#daemon.endReason() === undefined;
  }

  /** Runs `lnkit ARGS --json` to its end, whatever its exit code. Killed after `timeoutMs` (default 120 s), which throws. */
  async run(...args: readonly string[]): Promise<CliResult> {
    return (await this.spawn(args)).result;
  }

  /** Runs a command that must succeed and returns its JSON, read as `T`. */
  async ok<T = Json>(...args: readonly string[]): Promise<T> {
    const result = await this.run(...args);
    if (result.exitCode !== 0) {
      throw new Error(`lnkit ${args.join(' ')} exited with ${result.exitCode}\n${result.stdout}${result.stderr}`.trimEnd());
    }
    return result.json as T;
  }

  /** Starts a command and returns while it runs. `stdin` is written to it and closed. */
  async spawn(args: readonly string[], options: { readonly stdin?: string; readonly timeoutMs?: number } = {}): Promise<RunningCli> {
    const child = spawn(process.execPath, [ENTRY, ...args, '--json'], {
      env: this.#environment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const supervised = await watch(child, { name: `lnkit ${args[0]}`, logFile: this.logFile });
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    const timeoutMs = options.timeoutMs ?? 120_000;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const result = Promise.all([text(child.stdout), text(child.stderr), supervised.ended]).then(([stdout, stderr]) => {
      clearTimeout(timer);
      if (timedOut) throw new Error(`lnkit ${args.join(' ')} did not end in ${timeoutMs / 1000} s\n${stdout}${stderr}`.trimEnd());
      const lines = jsonLines(stdout);
      return { exitCode: child.exitCode ?? -1, stdout, stderr, json: lines.at(-1) ?? {}, lines };
    });
    result.catch(() => {}); // a test that kills the command need not look at its result
    return { pid: supervised.pid, result, kill: supervised.kill };
  }

  /** Runs `lnkit start` and waits until `lnkit status` answers through its socket. */
  async startDaemon(...args: readonly string[]): Promise<void> {
    const command = [ENTRY, 'start', ...args];
    const options = { command: process.execPath, args: command, env: this.#environment(), logFile: this.logFile };
    const daemon = await supervise({ ...options, name: `lnkit ${this.name}` });
    this.#daemon = daemon;
    const waiting = { gaveUp: daemon.endReason };
    // A status asked too early would run as a one-shot node and take the store's lock from the daemon.
    await eventually(`the daemon of ${this.name} to open its socket`, () => this.#socketAnswers(), waiting);
    await eventually(`the daemon of ${this.name} to tell its status`, () => this.ok('status'), { ...waiting, intervalMs: 200 });
  }

  /** Ends the daemon in good order (SIGTERM); nothing happens when none runs. */
  async stopDaemon(): Promise<void> {
    await this.#daemon?.stop();
    this.#daemon = undefined;
  }

  /** Ends the daemon as a crash would (SIGKILL). */
  async killDaemon(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = undefined;
  }

  /** Asks `lnkit status` until the node has reached the height. */
  async waitForHeight(height: number): Promise<void> {
    await eventually(
      `lnkit ${this.name} to reach height ${height}`,
      async () => (await this.ok<{ block_height: number }>('status')).block_height >= height,
      {
        intervalMs: 200,
      },
    );
  }

  #environment(): NodeJS.ProcessEnv {
    // Settings of the person who runs the suite must not reach the nodes under test.
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LNKIT_')));
    return { ...inherited, NO_COLOR: '1', LNKIT_DATADIR: this.directory, LNKIT_NETWORK: 'regtest', ...this.#options.env };
  }

  #socketAnswers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(join(this.directory, 'regtest', 'rpc.sock'));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
  }
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) all += String(chunk);
  return all;
}

/** A pretty-printed document, or one document a line. */
function jsonLines(stdout: string): readonly Json[] {
  const trimmed = stdout.trim();
  if (trimmed === '') return [];
  try {
    return [JSON.parse(trimmed) as Json];
  } catch {
    return trimmed.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Json];
      } catch {
        return [];
      }
    });
  }
}
