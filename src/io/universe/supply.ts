import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { type Address, openChannel } from '../grpc/client.ts';
import type { UniverseFailure } from './contract.ts';
import { universeFailure } from './failure.ts';

/** Where a universe is asked for the commitments to a group's supply. The answers are as they came: whoever reads them decodes and verifies. */
export interface SupplySource {
  fetch(which: 'very_first' | 'latest' | { readonly after: OutPoint }): Promise<Result<unknown, UniverseFailure>>;
  close(): void;
}

/** A thousand leaves with a proof each. */
const MAX_ANSWER = 64 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** The certificate is not verified, as of any universe: what comes is verified against the chain. */
export function openSupplySource(address: Address, groupKey: Bytes): SupplySource {
  const channel = openChannel('supply', address, { maxReceive: MAX_ANSWER, timeoutMs: TIMEOUT_MS });
  const place = `the universe at ${address.host}:${address.port}`;
  return {
    async fetch(which) {
      const locator =
        typeof which === 'string'
          ? { [which]: true }
          : { spent_commit_outpoint: { txid: which.after.txid, output_index: which.after.vout } };
      const answer = await channel.call<unknown>('FetchSupplyCommit', { group_key_bytes: groupKey, ...locator });
      return answer.ok ? ok(answer.value) : { ok: false, failure: universeFailure(answer.failure, place) };
    },
    close: () => channel.close(),
  };
}
