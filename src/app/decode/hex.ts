import { fromHex } from '../../base/bytes.ts';
import { decodeTx } from '../../bitcoin/tx.ts';
import { messageDefinitions } from '../../bolt/wire/message.ts';
import { decodeMessageBytes } from './message.ts';
import { decodedTx, refusedTx } from './tx.ts';
import { type Decoded, type DecodeEnv, refused } from './types.ts';

/** A transaction or a BOLT message, told apart by how they begin. */
export function decodeHex(text: string, env: DecodeEnv): Decoded {
  const bytes = fromHex(text);
  const type = bytes.length < 2 ? -1 : ((bytes[0] as number) << 8) | (bytes[1] as number);
  const known = messageDefinitions.find((definition) => definition.type === type);
  // A transaction begins with its version in little-endian: 1, 2 or 3, which is the number of no message.
  const likeTx =
    bytes.length >= 10 && (bytes[0] as number) >= 1 && (bytes[0] as number) <= 3 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
  if (known !== undefined && !likeTx) return decodeMessageBytes(bytes);
  const tx = decodeTx(bytes);
  if (tx.ok && tx.value.inputs.length > 0) return decodedTx(tx.value, bytes, env);
  if (likeTx) return refusedTx(bytes, tx.ok ? 'it has no inputs' : `${tx.failure.path}: ${tx.failure.message}`);
  const message = `${bytes.length} bytes that are neither a transaction nor a known message (type ${type})`;
  return refused({ kind: 'unknown', network: null }, { code: 'MALFORMED', message });
}
