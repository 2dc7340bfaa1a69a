import { type Bytes, fromHex, toHex } from '../../base/bytes.ts';
import { readBackupHead } from '../../node/backup/format.ts';
import { type Decoded, type DecodeEnv, refused } from './types.ts';

/** What a backup of lnkit says to everybody; the rest only the words open (`lnkit backup verify`). */
export const decodeBackupText = (text: string, env: DecodeEnv): Decoded => decodeBackup(fromHex(text), env);

export function decodeBackup(file: Bytes, env: DecodeEnv): Decoded {
  const read = readBackupHead(file);
  if (!read.ok) return refused({ kind: 'lnkit_backup', network: null }, read.failure);
  const { head, prefix, sealed, nonce } = read.value;
  const { network } = head;
  const json = {
    kind: 'lnkit_backup',
    network,
    valid: true,
    problems: env.network === null || env.network === network ? [] : [`wrong network: it is of ${network}, not of ${env.network}`],
    node_fingerprint: toHex(head.fingerprint),
    created_at: head.createdAt,
    height: head.height,
    bytes: file.length,
  };
  const explain = () => [
    { at: 0, raw: toHex(file.subarray(0, 5)), name: 'magic', meaning: 'LNKB, a backup of lnkit, and its version' },
    { at: 5, raw: toHex(prefix.subarray(5, prefix.length - nonce.length)), name: 'head', meaning: 'network, node, time, height, length' },
    { at: prefix.length - nonce.length, raw: toHex(nonce), name: 'nonce', meaning: 'of XChaCha20-Poly1305' },
    { at: prefix.length, raw: toHex(sealed), name: 'sections', meaning: 'sealed with a key that comes from the words' },
  ];
  return { json, error: null, explain };
}
