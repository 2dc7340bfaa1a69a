// Messages of BOLT 1 (setup, control, peer storage) and BOLT 4 (onion messages).
import type { Bytes } from '../../base/bytes.ts';
import { message } from '../../codec/message.ts';
import { chainHash, channelId, point, restBytes, restList, u16, varBytes } from './types.ts';

/** `features` and `globalfeatures` are bitmaps, to be combined by a bitwise or (see `combineFeatures`). */
export const init = message(
  16,
  'init',
  { globalfeatures: varBytes, features: varBytes },
  { networks: [1n, restList(chainHash)], remoteAddr: [3n, restBytes] },
);

/** BOLT 1: `channel_id` of zeros means every channel with this peer. */
export const error = message(17, 'error', { channelId, data: varBytes });
export const warning = message(1, 'warning', { channelId, data: varBytes });

/** BOLT 1: a ping is answered by a pong of `num_pong_bytes` bytes when that is below 65532. */
export const ping = message(18, 'ping', { numPongBytes: u16, ignored: varBytes });
export const pong = message(19, 'pong', { ignored: varBytes });

/** BOLT 1, "Peer storage": at most 65531 bytes. */
export const peerStorage = message(7, 'peer_storage', { blob: varBytes });
export const peerStorageRetrieval = message(9, 'peer_storage_retrieval', { blob: varBytes });

/** BOLT 4: an onion message on its way. */
export const onionMessage = message(513, 'onion_message', { pathKey: point, onionMessagePacket: varBytes });

/** BOLT 1: `data` of an error or warning as a person may read it; whatever is not printable ASCII becomes a dot. */
export function printable(data: Bytes): string {
  let text = '';
  for (const char of data) text += char >= 32 && char <= 126 ? String.fromCharCode(char) : '.';
  return text;
}
