import { view } from '../bolt/channel/view.ts';
import type { NodeState } from '../node/types.ts';
import { findOperation } from './api/index.ts';
import type { CallContext } from './call.ts';
import { AppError } from './error.ts';
import type { Fraction, JsonObject, Operation } from './operation.ts';
import { readPassphrase } from './passphrase.ts';

/** The command is the node: start it, run one operation, stop it. Throws AppError. */
export async function runLocally(name: string, params: JsonObject, context: CallContext): Promise<JsonObject> {
  const operation = await findOperation(name);
  if (operation === null) throw new AppError({ code: 'USAGE', message: `there is no operation ${name}` });
  const { settings, signal } = context;
  const { needs } = operation;
  if (needs === 'nothing') return await runWithoutNode(operation, params, context);
  const passphrase = await readPassphrase(settings);
  const { startNode } = await import('./node/start.ts');
  const { datadir, network, chain } = settings;
  const progress = (text: string, of?: Fraction): void => context.progress(text, of);
  // How the graph is kept is decided when the node starts: a daemon has decided already.
  const assumeValid = params['assume_valid'] === true;
  const runtime = await startNode({
    datadir,
    network,
    chain,
    passphrase,
    needs,
    assumeValid,
    prior: settings.routing.prior,
    signal,
    progress,
  });
  try {
    const emit = (item: JsonObject): void => context.emit(item);
    const result = await operation.run({ runtime, network, datadir, progress, emit, signal }, params);
    const until = safeOfflineUntil(runtime.state);
    return until === null ? result : { ...result, safe_offline_until_height: until };
  } finally {
    await runtime.stop();
  }
}

async function runWithoutNode(
  operation: Operation,
  params: JsonObject,
  { settings, signal, progress, emit }: CallContext,
): Promise<JsonObject> {
  const { network, datadir } = settings;
  return await operation.run(
    {
      get runtime(): never {
        throw new Error(`${operation.name} said that it needs no node`);
      },
      ...{ network, datadir, signal },
      progress: (text) => progress(text),
      emit: (item) => emit(item),
    },
    params,
  );
}

/** The first height at which being offline could lose money; null where nothing is at stake. */
function safeOfflineUntil(state: NodeState): number | null {
  let least: number | null = null;
  for (const channel of state.channels.values()) {
    const { safeOfflineUntilHeight } = view(channel);
    if (safeOfflineUntilHeight !== null && (least === null || safeOfflineUntilHeight < least)) least = safeOfflineUntilHeight;
  }
  return least;
}
