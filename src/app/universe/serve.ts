import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkChain, openChain, parseChainUrl } from '../../io/chain/open.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { type GrpcServer, serveGrpc } from '../../io/grpc/server.ts';
import { serverCertificate } from '../../io/universe/certificate.ts';
import { mailboxServer, sweepMailbox } from '../../io/universe/mailbox-server.ts';
import { MailboxStore } from '../../io/universe/mailbox-store.ts';
import { servedUniverse } from '../../io/universe/served.ts';
import { universeService } from '../../io/universe/server.ts';
import { networkDir, type Settings } from '../config.ts';
import { AppError } from '../error.ts';
import { chainError } from '../node/chain-driver.ts';
import type { JsonObject } from '../operation.ts';
import { count, object, text } from '../schema.ts';
import { keepFederation } from './keeper.ts';
import { openOwnUniverse } from './own.ts';

export const universeServeSchema = object({
  listen: text({ description: 'HOST:PORT' }),
  courier: text({ description: 'for addresses of version 0 and 1' }),
  mailbox_courier: text({ description: 'for addresses of version 2' }),
  certificate: text({ description: 'file with key and certificate' }),
  pid: count(),
});

export interface UniverseServeOptions {
  readonly settings: Settings;
  /** HOST:PORT. */
  readonly listen: string;
  readonly signal: AbortSignal;
  log(text: string): void;
  ready(json: JsonObject): void;
}

const SWEEP_MS = 24 * 3_600_000;
const now = (): number => Math.floor(Date.now() / 1000);

/** Serves our universe and a mailbox until the signal ends it. Neither needs the node's store: a daemon may run beside it. */
export async function serveUniverse(options: UniverseServeOptions): Promise<void> {
  const { settings, signal } = options;
  const place = hostAndPort(options.listen);
  const directory = networkDir(settings);
  const chain = await openCheckedChain(settings);
  const open: (() => void)[] = [() => chain.close()];
  try {
    const own = openOwnUniverse({ ...settings, chain });
    open.push(() => own.close());
    const store = new MailboxStore(join(directory, 'mailbox.db'));
    open.push(() => store.close());
    const served = servedUniverse(own.universe, now);
    open.push(() => served.close());
    const mailbox = mailboxServer({ store, chain, now });
    const file = join(directory, 'universe.pem');
    const certificate = await serverCertificate(file, { host: place.host, now: Date.now() });
    const server = await listen({
      ...{ ...place, ...certificate, services: [universeService(served), mailbox.service] },
      onBug: (method, error) => options.log(`bug in ${method}: ${error instanceof Error ? error.stack : String(error)}`),
    });
    options.ready(addresses(place.host, server.port, file));
    const sweeping = sweepDaily({ store, chain, signal });
    const keeper = keepFederation({ ...settings, chain, log: (_level, text) => options.log(text) });
    await ended(signal);
    await keeper.stop();
    mailbox.close();
    await server.close();
    await sweeping;
  } finally {
    for (const close of open.reverse()) close();
  }
}

async function openCheckedChain({ chain: url, network }: Settings): Promise<ChainSource> {
  if (url === null) throw new AppError({ code: 'CHAIN_UNREACHABLE', message: 'no chain backend is configured', hint: 'give --chain' });
  const address = parseChainUrl(url, network);
  if (!address.ok) throw new AppError(address.failure);
  const chain = openChain(address.value);
  const checked = await checkChain(chain, network);
  if (checked.ok) return chain;
  chain.close();
  throw chainError(checked.failure);
}

function listen(options: Parameters<typeof serveGrpc>[0]): Promise<GrpcServer> {
  return serveGrpc(options).catch((error: unknown) => {
    const message = `cannot serve on ${options.host}:${options.port}: ${(error as Error).message}`;
    throw new AppError({ code: 'USAGE', message, hint: 'choose another --listen' });
  });
}

function addresses(host: string, port: number, certificate: string): JsonObject {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const [courier, mailbox] = [`universerpc://${place}`, `authmailbox+universerpc://${place}`];
  return { listen: place, courier, mailbox_courier: mailbox, certificate, pid: process.pid };
}

async function sweepDaily(part: Parameters<typeof sweepMailbox>[0]): Promise<void> {
  while (!part.signal.aborted) {
    await sweepMailbox(part);
    await sleep(SWEEP_MS, undefined, { signal: part.signal, ref: false }).catch(() => {});
  }
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

function hostAndPort(given: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(given);
  if (match === null || Number(match[2]) > 65535) throw new AppError({ code: 'USAGE', message: `"${given}" is not HOST:PORT` });
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}
