import { verifyPacket, withEntries } from '../../asset/packet/transition.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { AppError } from '../error.ts';

/** Nothing is committed to that the state machine would not let pass. Throws BAD_SIGNATURE or MALFORMED. */
export function verifiedPacket(packet: VirtualPacket): VirtualPacket {
  const signed = withEntries(packet);
  const valid = signed.ok ? verifyPacket(signed.value, checkScripts) : signed;
  if (signed.ok && valid.ok) return signed.value;
  const { code, message } = valid.ok ? { code: 'MALFORMED', message: 'not a packet' } : valid.failure;
  const isWitness = code === 'INVALID_WITNESS' || code === 'BAD_SIGNATURE';
  throw new AppError({
    code: isWitness ? 'BAD_SIGNATURE' : 'MALFORMED',
    message: `the packet does not pass: ${message}`,
    details: { reason: code },
    ...(isWitness ? { hint: '`lnkit asset psbt show` says which inputs are signed' } : {}),
  });
}
