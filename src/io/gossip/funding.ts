import { equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { height, type Sat } from '../../base/units.ts';
import { fundingScript } from '../../bolt/channel/scripts.ts';
import type { RawChannelAnnouncement } from '../../bolt/gossip/raw.ts';
import type { ChainSource } from '../chain/source.ts';

export type Funding =
  | { readonly kind: 'confirmed'; readonly capacity: Sat; readonly txid: TxId }
  /** Spent, never there, or paying to other keys. */
  | { readonly kind: 'invalid' }
  /** Not deep enough yet. */
  | { readonly kind: 'early' }
  /** The chain could not be asked. */
  | { readonly kind: 'unknown' };

/** Looks for funding outputs on the chain, a few at a time. */
export interface FundingCheck {
  check(announcement: RawChannelAnnouncement): Promise<Funding>;
}

const AT_ONCE = 8;
/** BOLT 7: less than 6 confirmations may be accepted "if the output is close to 6 ..., in case the receiving node hasn't received the latest block(s) yet". */
const LEAST_DEPTH = 4;

export function fundingCheck(chain: ChainSource): FundingCheck {
  let running = 0;
  let tip = 0;
  /** The chain is asked for its height again only where it matters: nearly all channels are older than what was seen of it. */
  const isDeep = async (at: number): Promise<boolean> => {
    if (tip - at + 1 >= LEAST_DEPTH) return true;
    const now = await chain.tip();
    if (now.ok) tip = now.value.height;
    return !now.ok || tip - at + 1 >= LEAST_DEPTH;
  };
  const waiting: (() => void)[] = [];
  return {
    async check(announcement) {
      if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
      running++;
      try {
        return await lookUp(chain, announcement, isDeep);
      } finally {
        running--;
        waiting.shift()?.();
      }
    },
  };
}

/** BOLT 7: the output that the short channel id names must be unspent and "a P2WSH (using bitcoin_key_1 and bitcoin_key_2 ...)". */
async function lookUp(
  chain: ChainSource,
  announcement: RawChannelAnnouncement,
  isDeep: (height: number) => Promise<boolean>,
): Promise<Funding> {
  const { scid } = announcement;
  const txid = await chain.txidAt({ height: height(Number(scid >> 40n)), txIndex: Number((scid >> 16n) & 0xffffffn) });
  if (!txid.ok) return { kind: 'unknown' };
  if (txid.value === null) return { kind: 'invalid' };
  const output = await chain.output({ txid: txid.value, vout: Number(scid & 0xffffn) });
  if (!output.ok) return { kind: 'unknown' };
  const expected = fundingScript(announcement.bitcoinKey1, announcement.bitcoinKey2).script;
  if (output.value === null || !equal(output.value.script, expected)) return { kind: 'invalid' };
  if (!(await isDeep(Number(scid >> 40n)))) return { kind: 'early' };
  return { kind: 'confirmed', capacity: output.value.amount, txid: txid.value };
}
