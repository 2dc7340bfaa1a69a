import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat } from '../../../../src/base/bytes.ts';
import { createTransport, type Receiver } from '../../../../src/bolt/noise/transport.ts';

const key = (byte: number): Bytes => new Uint8Array(32).fill(byte);
/** Two ends of one session. */
function pair() {
  const alice = createTransport({ sendKey: key(1), receiveKey: key(2), chainingKey: key(3) });
  const bob = createTransport({ sendKey: key(2), receiveKey: key(1), chainingKey: key(3) });
  return { alice, bob };
}

/** All messages that can be had now, and the failure that ended them, if any. */
function drain(receiver: Receiver): { messages: Bytes[]; problem: string | null } {
  const messages: Bytes[] = [];
  for (;;) {
    const next = receiver.next();
    if (!next.ok) return { messages, problem: next.failure.problem };
    if (next.value === null) return { messages, problem: null };
    messages.push(next.value);
  }
}

describe('a session', () => {
  it('carries messages of every size in order, in portions of any size', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(0, 1, 1452, 20_000, 65_535).map((n) => new Uint8Array(n).fill(n)),
    );
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9000 })),
        (messages, sizes) => {
          const { alice, bob } = pair();
          const all = concat(...messages.map((m) => alice.sender.encrypt(m)));
          const received: Bytes[] = [];
          for (let at = 0; at < all.length; ) {
            const size = sizes.next().value as number;
            bob.receiver.push(all.subarray(at, at + size));
            at += size;
            const { messages: some, problem } = drain(bob.receiver);
            expect(problem).toBeNull();
            received.push(...some);
          }
          expect(received.length).toBe(messages.length);
          received.forEach((m, i) => void expect(Buffer.compare(m, messages[i]!)).toBe(0));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes on over many key rotations, each direction for itself', () => {
    const { alice, bob } = pair();
    for (let i = 0; i < 1700; i++) {
      bob.receiver.push(alice.sender.encrypt(Uint8Array.of(i & 0xff)));
      expect(drain(bob.receiver)).toEqual({ messages: [Uint8Array.of(i & 0xff)], problem: null });
    }
    alice.receiver.push(bob.sender.encrypt(Uint8Array.of(7)));
    expect(drain(alice.receiver).messages).toEqual([Uint8Array.of(7)]);
  });

  it('gives messages of their own bytes, which later packets do not change', () => {
    const { alice, bob } = pair();
    bob.receiver.push(alice.sender.encrypt(Uint8Array.of(1, 2, 3)));
    const [first] = drain(bob.receiver).messages;
    bob.receiver.push(alice.sender.encrypt(Uint8Array.of(9, 9, 9)));
    drain(bob.receiver);
    expect(first).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('ends at a changed, replayed or swapped packet, after the messages before it', () => {
    const spoiled: readonly ((a: Bytes, b: Bytes, c: Bytes) => [Bytes[], string])[] = [
      (a, b, c) => [[a, flipped(b, 3), c], 'bad_length_tag'],
      (a, b, c) => [[a, flipped(b, 20), c], 'bad_message_tag'],
      (a, b, c) => [[a, flipped(b, b.length - 1), c], 'bad_message_tag'],
      (a, _, c) => [[a, a, c], 'bad_length_tag'],
      (a, b, c) => [[a, c, b], 'bad_length_tag'],
      (a, b, c) => [[a, b.subarray(0, b.length - 1), c], 'bad_message_tag'],
    ];
    for (const spoil of spoiled) {
      const { alice, bob } = pair();
      const [packets, problem] = spoil(alice.sender.encrypt(key(1)), alice.sender.encrypt(key(2)), alice.sender.encrypt(key(3)));
      for (const packet of packets) bob.receiver.push(packet);
      expect(drain(bob.receiver)).toEqual({ messages: [key(1)], problem });
      // It stays ended.
      bob.receiver.push(alice.sender.encrypt(key(4)));
      expect(drain(bob.receiver)).toEqual({ messages: [], problem });
    }
  });

  it('refuses to send what is longer than a message may be', () => {
    expect(() => pair().alice.sender.encrypt(new Uint8Array(65_536))).toThrow();
  });
});

function flipped(bytes: Bytes, at: number): Bytes {
  const out = bytes.slice();
  out[at] = (out[at] as number) ^ 1;
  return out;
}
