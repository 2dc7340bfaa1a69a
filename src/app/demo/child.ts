import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** How long a process that was asked to end may take before it is killed. */
const PATIENCE_MS = 5_000;

export interface ChildOptions {
  /** Names it in messages. */
  readonly name: string;
  /** Of `node`: flags, then the script and its words. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Its stdout and stderr, appended. */
  readonly logFile: string;
}

/** A process of ours that runs until it is told to end. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #ended: Promise<void>;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#logFile = options.logFile;
    const log = openSync(options.logFile, 'a', 0o600);
    this.#process = spawn(process.execPath, options.args, { env: options.env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#process.once('error', () => resolve());
      this.#process.once('exit', () => resolve());
    });
    // Whatever ends us, nothing of ours goes on: signals leave no time for more than this.
    const onExit = (): void => void this.#process.kill('SIGKILL');
    process.on('exit', onExit);
    void this.#ended.then(() => process.off('exit', onExit));
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** How it ended, or null while it runs. */
  endReason(): string | null {
    const { exitCode, signalCode, pid } = this.#process;
    if (pid === undefined) return `${this.name} could not be started`;
    if (exitCode === null && signalCode === null) return null;
    const how = signalCode === null ? `ended with exit code ${exitCode}` : `was ended by ${signalCode}`;
    const said = this.lastWords();
    return `${this.name} ${how}${said === '' ? '' : `: ${said}`}`;
  }

  /** The last lines that it wrote. */
  lastWords(): string {
    try {
      return readFileSync(this.#logFile, 'utf8').trim().split('\n').slice(-3).join(' | ');
    } catch {
      return `nothing can be read in ${basename(this.#logFile)}`;
    }
  }

  /** Asks it to end, waits, and kills it where it does not. Resolves when it is gone. */
  async end(): Promise<void> {
    if (this.endReason() !== null) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
