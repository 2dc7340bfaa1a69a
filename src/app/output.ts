import { fstatSync, statSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { type AppError, errorJson } from './error.ts';
import { stringify } from './json.ts';

const STDOUT = 1;
const STDERR = 2;

/** Writes data. Straight to the descriptor: the stream behind `process.stdout` alone costs a light command a tenth of its time. */
export const writeOut = (text: string): void => write(STDOUT, text);
export const writeErr = (text: string): void => write(STDERR, text);

/** One JSON document: indented for a person at a terminal, on one line for a program. */
export function writeJson(value: unknown): void {
  writeOut(`${stringify(value, isTerminal(STDOUT) ? 2 : undefined)}\n`);
}

/** One object of a stream, on one line. */
export const writeLine = (value: unknown): void => writeOut(`${stringify(value)}\n`);

/** The failure in the form that was asked for. */
export function writeError(error: AppError, form: { readonly json: boolean; readonly quiet: boolean; readonly verbose: boolean }): void {
  if (form.json) writeJson({ error: errorJson(error) });
  else {
    writeErr(`lnkit: ${error.message}\n`);
    if (error.hint !== undefined && !form.quiet) writeErr(`hint: ${error.hint}\n`);
  }
  if (form.verbose) {
    const cause = error.cause instanceof Error ? error.cause : error;
    writeErr(`${cause.stack ?? cause.message}\n`);
  }
}

/** Whether a person may be at the other end. Asked of the descriptor: `isTTY` would load the streams, which a light command never needs. */
export function isTerminal(descriptor: 1 | 2): boolean {
  try {
    const about = fstatSync(descriptor);
    return about.isCharacterDevice() && about.rdev !== statSync(devNull, { throwIfNoEntry: false })?.rdev;
  } catch {
    return false;
  }
}

function write(descriptor: number, text: string): void {
  let bytes: Uint8Array = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // The reader went away (`| head`): there is nobody left to tell.
      if (code === 'EPIPE') process.exit(descriptor === STDOUT ? (process.exitCode ?? 0) : 1);
      // A non-blocking pipe that is full: its reader is behind.
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
