import { existsSync, readFileSync, statSync } from 'node:fs';
import { toHex } from '../../base/bytes.ts';
import { unixTime } from '../../base/units.ts';
import type { Network } from '../../bitcoin/network.ts';
import type { Answer } from '../command.ts';
import { exitCodeOf, worseExit } from '../error.ts';
import { stringify } from '../json.ts';
import type { JsonObject } from '../operation.ts';
import { writeOut } from '../output.ts';
import { stdinLines } from '../stdin.ts';
import type { Style } from '../view/style.ts';
import { decodeThing } from './decode.ts';
import type { Decoded, DecodeEnv } from './types.ts';

export interface DecodeRun {
  readonly flags: { readonly explain: boolean; readonly network: string | undefined };
  readonly style: Style;
  exitWith(code: number): void;
}

/** One thing is an answer; several, or several lines on stdin, are printed as one JSON object a line, and nothing is left to answer. */
export async function runDecode(things: readonly string[], run: DecodeRun): Promise<Answer | null> {
  const env = { now: unixTime(Math.floor(Date.now() / 1000)), network: (run.flags.network ?? null) as Network | null };
  // A word of the command line may name a file; a line on stdin may not.
  const given = things.map(contents);
  if (given.length > 1) return await decodeBatch([given], run, env);
  if (given[0] !== '-') return await decodeOne(given[0] as string, run, env);
  const lines = stdinLines();
  const first: string[] = [];
  // The second line tells a batch from a single thing.
  while (first.length < 2) {
    const more = await lines.next();
    if (more.done === true) return await decodeOne(first[0] ?? '', run, env);
    first.push(...more.value);
  }
  await decodeBatch([first], run, env);
  return await decodeBatch(lines, run, env);
}

async function decodeOne(thing: string, run: DecodeRun, env: DecodeEnv): Promise<Answer> {
  const decoded = await decodeThing(thing, env);
  if (decoded.error !== null) run.exitWith(exitCodeOf(decoded.error.code));
  const { decodeView, explainView } = await import('../view/decode.ts');
  const text = (): string =>
    [decodeView(decoded, run.style), ...(run.flags.explain ? ['', explainView(decoded.explain(), run.style)] : [])].join('\n');
  return { json: jsonOf(decoded, run), text };
}

async function decodeBatch(
  chunks: Iterable<readonly string[]> | AsyncIterable<readonly string[]>,
  run: DecodeRun,
  env: DecodeEnv,
): Promise<null> {
  let worst = 0;
  for await (const chunk of chunks) {
    let out = '';
    for (const line of chunk) {
      const decoding = decodeThing(line, env);
      const decoded = decoding instanceof Promise ? await decoding : decoding;
      if (decoded.error !== null) worst = worseExit(worst, exitCodeOf(decoded.error.code));
      out += `${stringify(jsonOf(decoded, run))}\n`;
    }
    writeOut(out);
  }
  run.exitWith(worst);
  return null;
}

/** So much of a file is decoded: as hexadecimal that is as long as a text may be. */
const MAX_FILE_BYTES = 8 * 1024 * 1024 - 1;

/** A proof or a backup in a file, as hexadecimal; anything else as it is. */
function contents(thing: string): string {
  if (thing === '-' || thing.length > 4_096 || !existsSync(thing)) return thing;
  const about = statSync(thing);
  if (!about.isFile() || about.size > MAX_FILE_BYTES) return thing;
  const bytes = new Uint8Array(readFileSync(thing));
  return ['LNKB', 'TAPF', 'TAPP'].includes(new TextDecoder().decode(bytes.subarray(0, 4))) ? toHex(bytes) : thing;
}

function jsonOf(decoded: Decoded, run: DecodeRun): JsonObject {
  return run.flags.explain ? { ...decoded.json, explain: decoded.explain().map((piece) => ({ ...piece })) } : decoded.json;
}
