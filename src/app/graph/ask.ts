import { existsSync } from 'node:fs';
import type { OperationName, ParamsOf, ResultOf } from '../api/index.ts';
import { networkDir, type Settings, socketPath } from '../config.ts';
import type { Fraction, JsonObject } from '../operation.ts';
import type { GraphSource } from './source.ts';

export interface Asking {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly progress: { step(text: string, of?: Fraction): void };
}

/** Asks the daemon where one runs, whose graph is the newest; else reads the stored graph, without starting a node. */
export async function askGraph<N extends OperationName>(
  name: N,
  params: ParamsOf<N>,
  asking: Asking,
  stored: (source: GraphSource, directory: string) => ResultOf<N> | Promise<ResultOf<N>>,
): Promise<ResultOf<N>> {
  const { settings, signal, progress } = asking;
  const path = socketPath(settings);
  if (existsSync(path)) {
    const { findDaemon } = await import('../remote.ts');
    const daemon = await findDaemon(path);
    if (daemon !== null) {
      try {
        const hooks = { signal, progress: (text: string, of?: Fraction) => progress.step(text, of), emit() {} };
        return (await daemon.call(name, params as JsonObject, hooks)) as ResultOf<N>;
      } finally {
        daemon.close();
      }
    }
  }
  const directory = networkDir(settings);
  const { openStoredGraph } = await import('./source.ts');
  return await stored(openStoredGraph(directory), directory);
}
