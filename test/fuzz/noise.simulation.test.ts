// Mutated handshakes and sessions. FUZZ_SEED=<number> replays a run, FUZZ_RUNS=<number> sets how many.
import { describe, expect, it } from 'vitest';
import { assert } from '../../src/base/assert.ts';
import { type Bytes, concat, EMPTY, equal, toHex } from '../../src/base/bytes.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { type Handshake, startInitiator, startResponder, stepHandshake } from '../../src/bolt/noise/handshake.ts';
import { createTransport } from '../../src/bolt/noise/transport.ts';
import { secp } from '../../src/crypto/ec.ts';
import { xorshift } from '../arbitrary/message.ts';
import { mutate, noise } from '../arbitrary/mutate.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x7fffffff);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100_000);
const key = (byte: number): Bytes => new Uint8Array(32).fill(byte);
const bob = { staticSecret: key(3), ephemeralSecret: key(4) };

/** The three acts of one good handshake, each with the state that waits for it. */
function acts(): readonly { readonly state: Handshake; readonly bytes: Bytes }[] {
  const act1 = startInitiator({ staticSecret: key(1), ephemeralSecret: key(2), remote: secp.publicKey(bob.staticSecret) as NodeId });
  assert(act1.ok && act1.value.kind === 'wait', 'act one');
  const responder = startResponder(bob);
  const act2 = stepHandshake(responder, act1.value.send);
  assert(act2.ok && act2.value.kind === 'wait', 'act two');
  const act3 = stepHandshake(act1.value.state, act2.value.send);
  assert(act3.ok && act3.value.kind === 'done', 'act three');
  return [
    { state: responder, bytes: act1.value.send },
    { state: act1.value.state, bytes: act2.value.send },
    { state: act2.value.state, bytes: act3.value.send },
  ];
}

describe(`${RUNS} mutations (FUZZ_SEED=${SEED})`, () => {
  it.each([1, 2, 3])('of act %i are refused or waited for, and nothing is sent for a changed act', (act) => {
    const random = xorshift(SEED);
    const { state, bytes } = acts()[act - 1]!;
    for (let run = 0; run < RUNS; run++) {
      const changed = mutate(bytes, random);
      const same = equal(changed.subarray(0, bytes.length), bytes);
      const result = stepHandshake(state, changed);
      if (!result.ok || same) continue;
      // Too short to judge yet: it must wait in silence.
      const silent = result.value.kind === 'wait' && result.value.send.length === 0 && changed.length < bytes.length;
      if (!silent) throw new Error(`act ${act}: ${toHex(changed)} was taken`);
    }
  });

  it('of a session give a prefix of the messages that were sent, then an end', () => {
    const random = xorshift(SEED);
    const ends = { failed: 0, waiting: 0 };
    for (let run = 0; run < RUNS / 20; run++) {
      const { sender } = createTransport({ sendKey: key(1), receiveKey: key(2), chainingKey: key(3) });
      const { receiver } = createTransport({ sendKey: key(2), receiveKey: key(1), chainingKey: key(3) });
      const sent = Array.from({ length: 1 + (random() % 4) }, () => noise(random() % 200, random));
      let packets: Bytes = EMPTY;
      for (const message of sent) packets = concat(packets, sender.encrypt(message));
      const changed = mutate(packets, random);
      for (let at = 0; at < changed.length; ) {
        const size = 1 + (random() % 150);
        receiver.push(changed.subarray(at, at + size));
        at += size;
      }
      let taken = 0;
      let next = receiver.next();
      for (; next.ok && next.value !== null; next = receiver.next()) {
        if (taken >= sent.length || !equal(next.value, sent[taken++] as Bytes)) throw new Error(`run ${run}: a message that was not sent`);
      }
      ends[next.ok ? 'waiting' : 'failed']++;
    }
    if (RUNS >= 1000) expect(Math.min(...Object.values(ends)), JSON.stringify(ends)).toBeGreaterThan(0);
  });
});
