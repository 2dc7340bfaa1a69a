import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js';

export type Grpc = typeof import('@grpc/grpc-js');

/** A service of `protos/`: the file, and its name in it. */
export const SERVICES = {
  universe: { file: 'universe.proto', name: 'universerpc.Universe' },
  supply: { file: 'supply.proto', name: 'universerpc.Universe' },
  mailbox: { file: 'mailbox.proto', name: 'authmailboxrpc.Mailbox' },
  hashmail: { file: 'hashmail.proto', name: 'hashmailrpc.HashMail' },
} as const;
export type ServiceName = keyof typeof SERVICES;

export interface LoadedService {
  readonly grpc: Grpc;
  readonly definition: ServiceDefinition;
}

/** gRPC takes a tenth of a second to load: only who speaks it pays. */
export const loadGrpc = (): Promise<Grpc> => import('@grpc/grpc-js');

const loaded = new Map<ServiceName, Promise<LoadedService>>();

/** 64-bit integers come as decimal text, bytes as Buffer, names as in the file; fields that were not sent have their default, messages null. */
export function loadService(name: ServiceName): Promise<LoadedService> {
  const known = loaded.get(name) ?? load(name);
  loaded.set(name, known);
  return known;
}

async function load(name: ServiceName): Promise<LoadedService> {
  const [grpc, { loadSync }] = await Promise.all([loadGrpc(), import('@grpc/proto-loader')]);
  const folder = protosFolder();
  const packages = loadSync(join(folder, SERVICES[name].file), {
    includeDirs: [folder],
    keepCase: true,
    longs: String,
    defaults: true,
    oneofs: true,
  });
  const found = SERVICES[name].name.split('.').reduce<unknown>(step, grpc.loadPackageDefinition(packages));
  return { grpc, definition: (found as ServiceClientConstructor).service };
}

const step = (value: unknown, key: string): unknown => (value as { readonly [key: string]: unknown })[key];

/** Beside this file among the sources; in the bundle, whose files are at several depths, at the top of `dist`. */
function protosFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const protos = join(folder, 'protos');
    if (existsSync(join(protos, 'common.proto'))) return protos;
    if (dirname(folder) === folder) throw new Error('the protocol files of lnkit are not installed');
  }
}
