// LDK on the same questions. The program is `ldkbench` of the yardstick, with `yardstick.patch` (beside this file; it prints the hops of each plan):
//
//     patch -p1 -d YARDSTICK < test/bench/topology/yardstick.patch && (cd YARDSTICK/rust && cargo build --release --locked)
//     LNKIT_YARDSTICK=.../release/ldkbench npm run bench -- route split
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../harness.ts';
import type { PlannedPart } from './plans.ts';
import type { Questions } from './sign.ts';
import { signedCopy } from './spawn.ts';

/** What a node answered to one question, and how long that took. */
export interface Answer {
  readonly pair: number;
  readonly ms: number;
  /** null where it found nothing. */
  readonly parts: readonly PlannedPart[] | null;
}

/** One path, or as many parts as LDK sees fit. */
export type TheirMode = 'single' | 'mpp';

export interface TheirRow {
  readonly mode: TheirMode;
  readonly sat: number;
  readonly pair: number;
  readonly ms: number;
  /** Absent where it found nothing. */
  readonly fee_msat?: number;
  readonly parts?: readonly (readonly [scid: string, amountMsat: number, cltvDelta: number])[][];
}

/** The yardstick's answers: of the file `ldk=FILE`, else of a run of it now where LNKIT_YARDSTICK names it, else null. */
export function theirRows(context: BenchContext, questions: Questions): readonly TheirRow[] | null {
  const file = context.only('ldk');
  if (file !== null) return rowsOf(file);
  const program = process.env['LNKIT_YARDSTICK'];
  if (program === undefined || program === '') return null;
  const signed = signedCopy((text) => context.note(text)).replace(/\.gossip$/, '');
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-yardstick-'));
  try {
    const [asked, out] = [join(directory, 'pairs.json'), join(directory, 'routes.json')];
    writeFileSync(asked, JSON.stringify(questions));
    context.note(`LDK answers ${questions.pairs.length} pairs for ${questions.amounts.map(({ sat }) => sat).join(', ')} sat`);
    execFileSync(program, ['route', `${signed}.gossip`, asked, '--caps', `${signed}.caps`, '--out', out], { stdio: 'ignore' });
    return rowsOf(out);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function rowsOf(file: string): readonly TheirRow[] {
  const rows = JSON.parse(readFileSync(file, 'utf8')) as readonly TheirRow[];
  if (rows.some(({ fee_msat, parts }) => fee_msat !== undefined && parts === undefined))
    throw new Error(`${file} tells no hops: build the yardstick with test/bench/topology/yardstick.patch`);
  return rows;
}

export const answerOf = ({ pair, ms, parts }: TheirRow): Answer => ({
  pair,
  ms,
  parts: parts?.map((part) => part.map(([scid, amountMsat, cltvDelta]) => ({ scid: BigInt(scid), amountMsat, cltvDelta }))) ?? null,
});
