// Mutated invoices and onions. FUZZ_SEED=<number> replays a run, FUZZ_RUNS=<number> sets the mutations of each kind.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, equal, fromBigInt, toHex } from '../../src/base/bytes.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { height, msat } from '../../src/base/units.ts';
import { bytesOfWords, decodeBech32, encodeBech32, wordsOfBytes } from '../../src/bolt/invoice/bech32.ts';
import { decodeInvoice } from '../../src/bolt/invoice/decode.ts';
import { encodeInvoice, signWith } from '../../src/bolt/invoice/encode.ts';
import { SIGNATURE_WORDS, signedHash } from '../../src/bolt/invoice/fields.ts';
import { resolveBlinded } from '../../src/bolt/onion/blinded-payment.ts';
import { buildBlindedPath } from '../../src/bolt/onion/blinding.ts';
import { buildFailure, decodeFailure, wrapFailure } from '../../src/bolt/onion/failure.ts';
import { deriveKey } from '../../src/bolt/onion/keys.ts';
import { buildOnionMessage, peelOnionMessage } from '../../src/bolt/onion/message.ts';
import { buildOnion, ecdhWith, peelOnion } from '../../src/bolt/onion/packet.ts';
import { encodePayload, parsePayload, payloadCodec } from '../../src/bolt/onion/payload.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { secp } from '../../src/crypto/ec.ts';
import { hmacSha256 } from '../../src/crypto/hash.ts';
import { xorshift } from '../arbitrary/message.ts';
import { mutate } from '../arbitrary/mutate.ts';
import { invoiceFields } from '../unit/bolt/invoice/arbitrary.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x7fffffff);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100_000);
const KEY = fromBigInt(7n, 32);
const NODE = secp.publicKey(KEY) as NodeId;
const AD = new Uint8Array(32).fill(0x42);
const ecdh = ecdhWith(KEY);

/** Runs `attempt` on what `what` describes, and names both where it throws. */
function guarded<T>(what: () => string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    throw new Error(`${what()} (FUZZ_SEED=${SEED})`, { cause: error });
  }
}

describe(`${RUNS} mutated invoices (FUZZ_SEED=${SEED})`, () => {
  const texts = fc.sample(invoiceFields, { numRuns: 60, seed: SEED }).map((fields) => encodeInvoice(fields, signWith(KEY)));
  const pick = (random: () => number): string => texts[random() % texts.length] as string;

  it('a changed text is refused', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) {
      const text = pick(random);
      const changed = new TextDecoder('latin1').decode(mutate(new TextEncoder().encode(text), random));
      if (changed === text) continue;
      const decoded = guarded(
        () => changed,
        () => decodeInvoice(changed),
      );
      // A checksum of 30 bits lets one in a thousand million through, and then the signature is another node's.
      if (decoded.ok && equal(decoded.value.payee, NODE)) throw new Error(`${changed} accepted (FUZZ_SEED=${SEED})`);
    }
  });

  it('changed fields under a right checksum and signature are refused or mean the same when written again', () => {
    const random = xorshift(SEED);
    const count = { refused: 0, read: 0 };
    for (let run = 0; run < RUNS; run++) {
      const { hrp, words } = wordsOf(pick(random));
      const changed = mutate(words.subarray(0, words.length - SIGNATURE_WORDS), random).map((word) => word & 31);
      const { signature, recovery } = secp.signRecoverable(signedHash(hrp, changed), KEY);
      const text = encodeBech32(hrp, concat(changed, wordsOfBytes(concat(signature, Uint8Array.of(recovery)))));
      guarded(
        () => text,
        () => count[tryInvoice(text)]++,
      );
    }
    if (RUNS >= 1000) expect(Math.min(...Object.values(count)), JSON.stringify(count)).toBeGreaterThan(0);
  });

  function wordsOf(text: string) {
    const decoded = decodeBech32(text);
    if (!decoded.ok) throw new Error('a written invoice reads');
    return decoded.value;
  }

  function tryInvoice(text: string): 'refused' | 'read' {
    const decoded = decodeInvoice(text);
    if (!decoded.ok) return 'refused';
    const { payee: _p, signature: _s, signatureRecovery: _r, ...fields } = decoded.value;
    // A second field of its kind was skipped and would stand behind the first one: the meaning is the same.
    const again = decodeInvoice(encodeInvoice(fields, signWith(KEY)));
    expect(again).toMatchObject({ ok: true, value: { ...fields, payee: NODE } });
    return 'read';
  }

  it('noise in bech32 is refused', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) {
      const words = Uint8Array.from({ length: random() % 400 }, () => random() & 31);
      const text = encodeBech32('lnbcrt', words);
      if (
        guarded(
          () => text,
          () => decodeInvoice(text).ok,
        )
      )
        throw new Error(`${text} accepted`);
      bytesOfWords(words);
    }
  });
});

describe(`${RUNS} mutated onions (FUZZ_SEED=${SEED})`, () => {
  const payload = encodePayload({
    amtToForward: msat(1000),
    outgoingCltvValue: height(100),
    paymentData: { paymentSecret: AD, totalMsat: msat(1000) },
    paymentMetadata: AD,
  });
  const hops = [KEY, fromBigInt(8n, 32), fromBigInt(9n, 32)].map((key) => ({ nodeId: secp.publicKey(key) as NodeId, payload }));
  const built = buildOnion({ sessionKey: fromBigInt(5n, 32), hops, associatedData: AD });
  if (!built.ok) throw new Error('builds');
  const { packet, sharedSecrets } = built.value;

  it('a changed packet is refused', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) {
      const changed = mutate(packet, random);
      const peeled = guarded(
        () => toHex(changed),
        () => peelOnion({ packet: changed, ecdh, associatedData: AD }),
      );
      if (peeled.ok && !equal(changed, packet)) throw new Error(`${toHex(changed)} accepted (FUZZ_SEED=${SEED})`);
    }
  });

  it('a changed frame under a right HMAC is refused or gives a payload, and never throws', () => {
    const random = xorshift(SEED);
    const mu = deriveKey('mu', sharedSecrets[0] as Bytes);
    const count = { refused: 0, read: 0 };
    for (let run = 0; run < RUNS; run++) {
      const changed = packet.slice();
      for (let i = 0; i < 1 + (random() % 4); i++) changed[34 + (random() % 200)] = random();
      if (random() % 2 === 0) changed[34] = random();
      changed.set(hmacSha256(mu, concat(changed.subarray(34, 1334), AD)), 1334);
      guarded(
        () => toHex(changed),
        () => {
          const peeled = peelOnion({ packet: changed, ecdh, associatedData: AD });
          const parsed = peeled.ok ? parsePayload(peeled.value.payload, { isFinal: true, pathKey: null }) : peeled;
          count[parsed.ok ? 'read' : 'refused']++;
        },
      );
    }
    if (RUNS >= 1000) expect(Math.min(...Object.values(count)), JSON.stringify(count)).toBeGreaterThan(0);
  });

  it('changed payloads are refused with a place in them, or read as what they would be written', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) {
      const changed = mutate(payload, random);
      guarded(
        () => toHex(changed),
        () => {
          const pathKey = random() % 2 === 0 ? null : NODE;
          const parsed = parsePayload(changed, { isFinal: random() % 2 === 0, pathKey });
          if (!parsed.ok && parsed.failure.offset > changed.length) throw new Error('the place is outside');
          const decoded = decodeWith(payloadCodec, changed);
          if (decoded.ok && !equal(encodeWith(payloadCodec, decoded.value), changed)) throw new Error('written back otherwise');
        },
      );
    }
  });

  it('changed failures are unreadable, and their attribution never throws', () => {
    const random = xorshift(SEED);
    let sent = buildFailure({ sharedSecret: sharedSecrets[2] as Bytes, message: Uint8Array.of(0x20, 2), holdTime: 1 });
    for (const sharedSecret of [sharedSecrets[1] as Bytes, sharedSecrets[0] as Bytes])
      sent = wrapFailure({ sharedSecret, packet: sent.packet, received: sent.attributionData, holdTime: 2 });
    // Twenty-seven decryptions each: a tenth of the runs.
    for (let run = 0; run < RUNS / 10; run++) {
      const changed = mutate(sent.packet, random);
      const attributionData = mutate(sent.attributionData as Bytes, random);
      const read = guarded(
        () => toHex(changed),
        () => decodeFailure({ packet: changed, sharedSecrets, attributionData }),
      );
      if (read.kind === 'failure' && !equal(changed, sent.packet)) throw new Error(`${toHex(changed)} accepted (FUZZ_SEED=${SEED})`);
    }
  });

  it('changed recipient data and onion messages are refused', () => {
    const random = xorshift(SEED);
    const path = buildBlindedPath({ sessionKey: fromBigInt(6n, 32), hops: [{ nodeId: NODE, data: { pathId: AD } }] })?.path;
    if (path === undefined) throw new Error('builds');
    const { encryptedRecipientData } = path.path[0] as (typeof path.path)[number];
    const sent = buildOnionMessage({ sessionKey: KEY, pathKey: path.firstPathKey, path: path.path, content: {} });
    if (!sent.ok) throw new Error('builds');
    const htlc = { amountMsat: msat(1000), cltvExpiry: height(100) };
    for (let run = 0; run < RUNS; run++) {
      const data = mutate(encryptedRecipientData, random);
      const pathKey = random() % 2 === 0 ? path.firstPathKey : mutate(path.firstPathKey, random);
      const packetChanged = mutate(sent.value.packet, random);
      guarded(
        () => `${toHex(data)} ${toHex(pathKey)} ${toHex(packetChanged)}`,
        () => {
          const blinded = { kind: 'blinded_forward', encryptedRecipientData: data, pathKey, introduction: false } as const;
          if (resolveBlinded({ payload: blinded, htlc, ecdh }).ok) throw new Error('accepted without a next node');
          if (peelOnionMessage({ pathKey, packet: packetChanged }, ecdh).ok && !equal(packetChanged, sent.value.packet))
            throw new Error('accepted');
        },
      );
    }
    expect(peelOnionMessage(sent.value, ecdh)).toMatchObject({ ok: true, value: { kind: 'final', pathId: AD } });
  });
});
