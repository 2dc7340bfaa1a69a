import { findOperation } from './api/index.ts';
import type { CallContext } from './call.ts';
import { AppError } from './error.ts';
import type { JsonObject } from './operation.ts';
import { readPassphrase } from './passphrase.ts';

/** The command is the node: start it, run one operation, stop it. Throws AppError. */
export async function runLocally(name: string, params: JsonObject, context: CallContext): Promise<JsonObject> {
  const operation = await findOperation(name);
  if (operation === null) throw new AppError({ code: 'USAGE', message: `there is no operation ${name}` });
  const { settings, signal } = context;
  const passphrase = await readPassphrase(settings);
  const START = './node/start.ts';
  const { startNode } = await import(START);
  const { datadir, network, chain } = settings;
  const progress = (text: string): void => context.progress(text);
  const runtime = await startNode({ datadir, network, chain, passphrase, needs: operation.needs, signal, progress });
  try {
    const emit = (item: JsonObject): void => context.emit(item);
    return await operation.run({ runtime, network, datadir, progress, emit, signal }, params);
  } finally {
    await runtime.stop();
  }
}
