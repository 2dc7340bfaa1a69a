import { toHex, tryText } from '../../base/bytes.ts';
import type { ChannelId } from '../../base/ids.ts';
import { channelCodec } from '../../bolt/channel/channel.ts';
import { view } from '../../bolt/channel/view.ts';
import { decodeWith } from '../../codec/codec.ts';
import type { HistoryRow } from '../../node/batch.ts';
import { defineOperation, notFound } from '../define.ts';
import { channelOf } from '../forms/parse.ts';
import type { Json } from '../operation.ts';
import { isObject } from '../rpc.ts';
import type { NodeRuntime } from '../runtime.ts';
import { anything, hex, list, nullable, object, text, time } from '../schema.ts';

export const channelWhy = defineOperation({
  name: 'channel.why',
  needs: 'store',
  params: object({ channel: text() }),
  result: object({
    channel_id: hex(32),
    state: text(),
    how: nullable(text()),
    why: text(),
    events: list(object({ at: time(), what: text(), details: anything() })),
  }),
  async run({ runtime }, params) {
    const { channelId, state, how, why } = lookUp(runtime, params.channel);
    // One revoked commitment is stored for each past state: they are evidence, not history.
    const rows = runtime.store.history(channelId).filter(({ what }) => what !== 'revoked_commitment');
    return {
      channel_id: toHex(channelId),
      state,
      how,
      why,
      events: rows.map(eventOf),
    };
  },
});

interface Found {
  readonly channelId: ChannelId;
  readonly state: string;
  readonly how: string | null;
  readonly why: string;
}

function lookUp(runtime: NodeRuntime, text: string): Found {
  const closed = runtime.store.closedChannels().flatMap((blob) => {
    const decoded = decodeWith(channelCodec, blob);
    return decoded.ok ? [view(decoded.value)] : [];
  });
  const past = closed.filter((seen) => /^[0-9a-f]{8,64}$/.test(text) && toHex(seen.channelId).startsWith(text));
  const seen = past.length === 1 ? past[0] : channelOf(runtime.state, text).seen;
  if (seen === undefined) throw notFound(`there is no channel ${text}`);
  const { channelId, phase, closing } = seen;
  if (closing !== null) return { channelId, state: phase, how: closing.how, why: closing.why };
  return { channelId, state: phase, how: null, why: seen.connected ? 'it is not closing' : 'it is not closing; the peer is not connected' };
}

/** A note says in itself what happened. */
function eventOf({ at, what, blob }: HistoryRow): { readonly at: number; readonly what: string; readonly details: Json } {
  const details = detailsOf(blob);
  if (!isObject(details) || typeof details['what'] !== 'string') return { at, what, details };
  const { what: named, ...rest } = details;
  return { at, what: named as string, details: rest };
}

function detailsOf(blob: Uint8Array): Json {
  const text = tryText(blob);
  if (text === null) return toHex(blob);
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
