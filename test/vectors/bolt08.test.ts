import { describe, expect, it } from 'vitest';
import { assert } from '../../src/base/assert.ts';
import { type Bytes, fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import type { NodeId } from '../../src/base/ids.ts';
import type { Result } from '../../src/base/result.ts';
import {
  type Handshake,
  type HandshakeFailure,
  type HandshakeStep,
  shortRead,
  startInitiator,
  startResponder,
  stepHandshake,
} from '../../src/bolt/noise/handshake.ts';
import { createTransport } from '../../src/bolt/noise/transport.ts';
import handshakes from './bolt08-handshake.json' with { type: 'json' };
import encryption from './bolt08-message-encryption.json' with { type: 'json' };

interface Step {
  readonly act: number;
  readonly in?: string;
  readonly out?: string;
  readonly error?: string;
  readonly keys?: { readonly sk: string; readonly rk: string };
}

/** Plays the vector: what comes in is fed, what goes out and how it ends is compared. */
function play(
  steps: readonly Step[],
  start: { readonly step: Result<HandshakeStep, HandshakeFailure> } | { readonly state: Handshake },
): void {
  let last: Result<HandshakeStep, HandshakeFailure> | null = 'step' in start ? start.step : null;
  let state: Handshake | null = 'state' in start ? start.state : null;
  for (const step of steps) {
    if (last?.ok && last.value.kind === 'wait') state = last.value.state;
    if (step.in !== undefined) last = stepHandshake(state!, fromHex(step.in));
    if (step.out !== undefined) expect(last?.ok && toHex(last.value.send)).toBe(step.out);
    if (step.keys !== undefined) {
      assert(last?.ok && last.value.kind === 'done', 'the handshake is done');
      expect({ sk: toHex(last.value.keys.sendKey), rk: toHex(last.value.keys.receiveKey) }).toEqual(step.keys);
    }
    if (step.error !== undefined) expect(errorOf(last!)).toBe(step.error);
  }
}

/** The vector's name of a failure. A short read is one only when the connection ends: until then the machine waits. */
function errorOf(result: Result<HandshakeStep, HandshakeFailure>): string {
  if (result.ok && result.value.kind === 'wait') expect(result.value.send).toHaveLength(0);
  const failure = result.ok ? result.value.kind === 'wait' && shortRead(result.value.state) : result.failure;
  return failure === false ? 'DONE' : `ACT${failure.act}_${failure.problem.toUpperCase()}`;
}

describe('BOLT 8, appendix A: handshake', () => {
  it.each(handshakes.initiator)('$name', ({ steps, rs_pub, ls_priv, e_priv }) => {
    const keys = { staticSecret: fromHex(ls_priv), ephemeralSecret: fromHex(e_priv), remote: fromHex(rs_pub) as NodeId };
    play(steps, { step: startInitiator(keys) });
  });

  it.each(handshakes.responder)('$name', ({ steps, ls_priv, e_priv }) => {
    play(steps, { state: startResponder({ staticSecret: fromHex(ls_priv), ephemeralSecret: fromHex(e_priv) }) });
  });
});

describe('BOLT 8, appendix A: message encryption', () => {
  const ck = fromHex(encryption.ck);
  const [sk, rk] = [fromHex(encryption.sk), fromHex(encryption.rk)];
  const message = fromHex(encryption.message);

  it('encrypts the messages of the specification over two key rotations, and decrypts them again', () => {
    const { sender } = createTransport({ sendKey: sk, receiveKey: rk, chainingKey: ck });
    const { receiver } = createTransport({ sendKey: rk, receiveKey: sk, chainingKey: ck });
    const packets: Bytes[] = Array.from({ length: encryption.message_count }, () => sender.encrypt(message));
    for (const { index, ciphertext } of encryption.outputs) expect(toHex(packets[index]!)).toBe(ciphertext);
    for (const packet of packets) {
      receiver.push(packet);
      expect(receiver.next()).toEqual({ ok: true, value: utf8('hello') });
    }
  });
});
