import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assert } from '../../../../src/base/assert.ts';
import { type Bytes, concat, fromHex } from '../../../../src/base/bytes.ts';
import type { NodeId } from '../../../../src/base/ids.ts';
import type { Result } from '../../../../src/base/result.ts';
import {
  type Handshake,
  type HandshakeFailure,
  type HandshakeStep,
  startInitiator,
  startResponder,
  stepHandshake,
} from '../../../../src/bolt/noise/handshake.ts';
import { secp } from '../../../../src/crypto/ec.ts';

const key = (byte: number): Bytes => new Uint8Array(32).fill(byte);
const alice = { staticSecret: key(0x11), ephemeralSecret: key(0x12) };
const bob = { staticSecret: key(0x21), ephemeralSecret: key(0x22) };
const idOf = (secret: Bytes) => secp.publicKey(secret) as NodeId;

function value<T>(result: Result<T, HandshakeFailure>): T {
  assert(result.ok, result.ok ? '' : `act ${result.failure.act}: ${result.failure.problem}`);
  return result.value;
}
function waiting(step: HandshakeStep): Handshake {
  assert(step.kind === 'wait', 'still waiting');
  return step.state;
}
function done(step: HandshakeStep): Extract<HandshakeStep, { kind: 'done' }> {
  assert(step.kind === 'done', 'done');
  return step;
}
const begin = () => value(startInitiator({ ...alice, remote: idOf(bob.staticSecret) }));

/** Feeds `bytes` in portions of at most `size`; what the steps want sent is joined. */
function feed(state: Handshake, bytes: Bytes, size: number): { step: HandshakeStep; send: Bytes } {
  let step: HandshakeStep = { kind: 'wait', state, send: new Uint8Array(0) };
  let send: Bytes = new Uint8Array(0);
  for (let at = 0; at < bytes.length; at += size) {
    step = value(stepHandshake(waiting(step), bytes.subarray(at, at + size)));
    send = concat(send, step.send);
  }
  return { step, send };
}

describe('the handshake', () => {
  it('gives both sides the same keys and each other, in portions of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), (size) => {
        const act1 = begin();
        const act2 = feed(startResponder(bob), act1.send, size);
        const act3 = feed(waiting(act1), act2.send, size);
        const end = feed(waiting(act2.step), act3.send, size);
        const [a, b] = [done(act3.step), done(end.step)];
        expect(a.remote).toEqual(idOf(bob.staticSecret));
        expect(b.remote).toEqual(idOf(alice.staticSecret));
        expect(a.keys).toEqual({ sendKey: b.keys.receiveKey, receiveKey: b.keys.sendKey, chainingKey: b.keys.chainingKey });
        expect([a.rest, b.rest, end.send].map((bytes) => bytes.length)).toEqual([0, 0, 0]);
      }),
    );
  });

  it('keeps what follows the last act: the first bytes of the session', () => {
    const act1 = begin();
    const act2 = value(stepHandshake(startResponder(bob), act1.send));
    const act3 = value(stepHandshake(waiting(act1), concat(act2.send, Uint8Array.of(1, 2))));
    expect(done(act3).rest).toEqual(Uint8Array.of(1, 2));
    const end = value(stepHandshake(waiting(act2), concat(act3.send, Uint8Array.of(3, 4, 5))));
    expect(done(end).rest).toEqual(Uint8Array.of(3, 4, 5));
  });

  it('does not change the state it is given: the same act twice gives the same', () => {
    const act1 = begin();
    const responder = startResponder(bob);
    const first = value(stepHandshake(responder, act1.send.subarray(0, 20)));
    expect(responder.pending).toHaveLength(0);
    const second = value(stepHandshake(waiting(first), act1.send.subarray(20)));
    expect(value(stepHandshake(responder, act1.send)).send).toEqual(second.send);
  });

  it('refuses any changed byte of any act', () => {
    const act1 = begin();
    const act2 = value(stepHandshake(startResponder(bob), act1.send));
    const act3 = value(stepHandshake(waiting(act1), act2.send));
    const acts = [
      [startResponder(bob), act1.send],
      [waiting(act1), act2.send],
      [waiting(act2), act3.send],
    ] as const;
    for (const [state, bytes] of acts)
      for (let at = 0; at < bytes.length; at++)
        for (const flip of [1, 0x80]) {
          const changed = bytes.slice();
          changed[at] = (changed[at] as number) ^ flip;
          const result = stepHandshake(state, changed);
          expect(result.ok).toBe(false);
          if (!result.ok && at === 0) expect(result.failure.problem).toBe('bad_version');
        }
  });

  it('is refused by a responder who is not the one meant', () => {
    const act1 = value(startInitiator({ ...alice, remote: idOf(key(0x33)) }));
    expect(stepHandshake(startResponder(bob), act1.send)).toEqual({
      ok: false,
      failure: { kind: 'handshake', act: 1, problem: 'bad_tag' },
    });
  });

  it('does not begin towards an id that is no point', () => {
    const remote = fromHex(`02${'ff'.repeat(32)}`) as NodeId;
    expect(startInitiator({ ...alice, remote })).toMatchObject({ ok: false, failure: { act: 1, problem: 'bad_pubkey' } });
  });
});
