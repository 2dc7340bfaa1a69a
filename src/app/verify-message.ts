import { toHex, utf8 } from '../base/bytes.ts';
import { verifyMessage } from '../node/message/sign.ts';
import { type ErrorInfo, errorJson, exitCodeOf } from './error.ts';
import type { JsonObject } from './operation.ts';
import { errorSchema, flag, hex, nullable, object, text } from './schema.ts';

export const verifySchema = object({ valid: flag(), node_id: nullable(hex(33)) }, { why: text(), error: errorSchema });

/** Who signed, and (where somebody is expected) whether it was them. */
export function verify(part: { readonly message: string; readonly signature: string; readonly expected: string | null }): {
  readonly json: JsonObject;
  readonly exit: number;
} {
  const signer = verifyMessage(utf8(part.message), part.signature);
  if (!signer.ok) {
    const message = signer.failure === 'MALFORMED' ? 'the signature is not 65 bytes in zbase32' : 'no node can have made this signature';
    return refused(null, { code: signer.failure, message });
  }
  const nodeId = toHex(signer.value);
  if (part.expected === null || part.expected === nodeId) return { json: { valid: true, node_id: nodeId }, exit: 0 };
  return refused(nodeId, { code: 'BAD_SIGNATURE', message: `it was signed by ${nodeId}, or the text was changed` });
}

function refused(nodeId: string | null, error: ErrorInfo): { readonly json: JsonObject; readonly exit: number } {
  return { json: { valid: false, node_id: nodeId, why: error.message, error: errorJson(error) }, exit: exitCodeOf(error.code) };
}
