import { existsSync } from 'node:fs';
import type { OperationName, ParamsOf, ResultOf } from './api/index.ts';
import { type Settings, socketPath } from './config.ts';
import type { JsonObject } from './operation.ts';
import type { CallHooks } from './remote.ts';

export interface CallContext extends CallHooks {
  readonly settings: Settings;
}

/** Runs an operation: in the daemon where one answers, else in a node of this process. Throws AppError. */
export async function callOperation<N extends OperationName>(name: N, params: ParamsOf<N>, context: CallContext): Promise<ResultOf<N>> {
  const path = socketPath(context.settings);
  if (existsSync(path)) {
    const { findDaemon } = await import('./remote.ts');
    const daemon = await findDaemon(path);
    if (daemon !== null) {
      try {
        return (await daemon.call(name, params as JsonObject, context)) as ResultOf<N>;
      } finally {
        daemon.close();
      }
    }
  }
  const { runLocally } = await import('./local.ts');
  return (await runLocally(name, params as JsonObject, context)) as ResultOf<N>;
}
