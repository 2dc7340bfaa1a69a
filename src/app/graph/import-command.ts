import { existsSync } from 'node:fs';
import { socketPath } from '../config.ts';
import type { Fraction, JsonObject } from '../operation.ts';
import type { Asking } from './ask.ts';
import { type ImportJson, importStored } from './gossip.ts';

/** Into the daemon's graph where one runs, else into the stored one. */
export async function importGossip(asking: Asking, part: { readonly file: string; readonly assumeValid: boolean }): Promise<ImportJson> {
  const { settings, signal } = asking;
  const progress = (text: string, of?: Fraction): void => asking.progress.step(text, of);
  const path = socketPath(settings);
  const daemon = existsSync(path) ? await (await import('../remote.ts')).findDaemon(path) : null;
  if (daemon === null) return await importStored(settings, { ...part, progress });
  try {
    const params: JsonObject = { file: part.file, ...(part.assumeValid ? { assume_valid: true } : {}) };
    return (await daemon.call('gossip.import', params, { signal, progress, emit() {} })) as ImportJson;
  } finally {
    daemon.close();
  }
}
