import { toHex } from '../base/bytes.ts';
import { type Settings, socketPath } from './config.ts';
import { AppError } from './error.ts';
import type { JsonObject } from './operation.ts';
import { readPassphrase } from './passphrase.ts';
import { findDaemon } from './remote.ts';
import { count, hex, list, object, text } from './schema.ts';
import { serveRpc } from './server.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly alias: string | null;
  readonly signal: AbortSignal;
  /** Funding outputs of gossip are not looked up. */
  readonly assumeValid: boolean;
  progress(text: string): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** Peers and commands are served from now on. */
  ready(json: JsonObject): void;
}

export const startSchema = object({ node_id: hex(33), network: text(), listen: list(text()), socket: text(), pid: count() });

/** Runs the node until a signal or `lnkit stop` ends it. Throws STORE_LOCKED where another process has the store. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { settings, signal } = options;
  const passphrase = await readPassphrase(settings);
  const { startNode } = await import('./node/start.ts');
  const { datadir, network, chain } = settings;
  const runtime = await startNode({
    datadir,
    network,
    chain,
    passphrase,
    needs: 'peers',
    signal,
    progress: (text) => options.progress(text),
    log: (level, text) => options.log(level, text),
    listen: options.listen,
    announce: options.announce,
    alias: options.alias,
    assumeValid: options.assumeValid,
    prior: settings.routing.prior,
    command: 'lnkit start',
  });
  let stopAsked = (): void => {};
  const asked = new Promise<void>((resolve) => {
    stopAsked = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const path = socketPath(settings);
  try {
    const server = await serveRpc({ path, runtime, network, datadir, onStop: stopAsked });
    const { keepFederation } = await import('./universe/keeper.ts');
    const keeper = keepFederation({
      datadir,
      network,
      chain: runtime.chain,
      isKnownGroup: (key) => runtime.state.assets.groups.has(key),
      log: (level, text) => options.log(level, text),
    });
    const listening = runtime.listening.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
    options.ready({ node_id: toHex(runtime.state.nodeId), network, listen: listening, socket: path, pid: process.pid });
    await asked;
    options.progress('stopping');
    await keeper.stop();
    await server.close();
  } finally {
    await runtime.stop();
  }
}

const POLL_MS = 25;

/** Asks the daemon to stop and waits until its process is gone. Throws NOT_FOUND where none runs. */
export async function stopDaemon(settings: Settings, signal: AbortSignal): Promise<JsonObject> {
  const path = socketPath(settings);
  const daemon = await findDaemon(path);
  if (daemon === null) throw new AppError({ code: 'NOT_FOUND', message: `no daemon runs for ${settings.network} in ${settings.datadir}` });
  const result = await daemon.call('stop', {}, { signal, progress() {}, emit() {} });
  daemon.close();
  const pid = Number(result['pid']);
  while (isAlive(pid)) {
    if (signal.aborted) throw signal.reason;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { stopped: true, pid };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
