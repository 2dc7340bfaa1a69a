import { type Bytes, equal } from '../../base/bytes.ts';
import type { CommandId } from '../../base/ids.ts';
import { type Draft, reply, update } from '../draft.ts';
import type { HoldingBase } from './types.ts';

/** A holding's history as the chain has it now, where a reorganisation moved its transitions to other blocks. Its links are stored. */
export interface RebaseAction {
  readonly kind: 'rebase';
  readonly key: Bytes;
  /** What it stood on when the new history was made: one that has changed meanwhile is left alone. */
  readonly from: HoldingBase;
  readonly to: Pick<HoldingBase, 'head' | 'additionalHeads'>;
}

export function rebase(draft: Draft, id: CommandId, { key, from, to }: RebaseAction): void {
  const { assets } = draft.state;
  const holding = assets.holdings.get(key);
  if (holding !== undefined && sameHead(holding.base.head, from.head))
    update(draft, { assets: { ...assets, holdings: assets.holdings.set(key, { ...holding, base: { ...holding.base, ...to } }) } });
  reply(draft, id, { kind: 'done' });
}

const sameHead = (a: Bytes | null, b: Bytes | null): boolean => (a === null || b === null ? a === b : equal(a, b));
