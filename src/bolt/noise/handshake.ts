// BOLT 8: the handshake Noise_XK_secp256k1_ChaChaPoly_SHA256 as a state machine. It is fed bytes as they come and says what to send.
import { type Bytes, concat, EMPTY, utf8 } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { open, seal } from '../../crypto/chacha.ts';
import { secp } from '../../crypto/ec.ts';
import { hkdfSha256, sha256 } from '../../crypto/hash.ts';

/** A handshake that waits for act `act` of the other side. */
export type Handshake = AwaitAct1 | AwaitAct2 | AwaitAct3;

interface Common {
  /** Our static key, 32 bytes. */
  readonly staticSecret: Bytes;
  /** Our key of this session only, 32 bytes. */
  readonly ephemeralSecret: Bytes;
  /** The chaining key. */
  readonly ck: Bytes;
  /** The handshake hash. */
  readonly h: Bytes;
  /** Bytes of the act that have come so far. */
  readonly pending: Bytes;
}
interface AwaitAct1 extends Common {
  readonly act: 1;
}
interface AwaitAct2 extends Common {
  readonly act: 2;
  readonly remote: NodeId;
}
interface AwaitAct3 extends Common {
  readonly act: 3;
  readonly remoteEphemeral: Bytes;
  readonly tempKey: Bytes;
}

/** What the two directions of a session start from (`createTransport`). */
export interface SessionKeys {
  readonly sendKey: Bytes;
  readonly receiveKey: Bytes;
  readonly chainingKey: Bytes;
}

export type HandshakeStep =
  | { readonly kind: 'wait'; readonly state: Handshake; readonly send: Bytes }
  | {
      readonly kind: 'done';
      /** Proven to be at the other end. */
      readonly remote: NodeId;
      readonly keys: SessionKeys;
      readonly send: Bytes;
      /** What followed the last act: the first bytes of the session. */
      readonly rest: Bytes;
    };

/** BOLT 8: each of these ends the connection, without an answer. */
export interface HandshakeFailure {
  readonly kind: 'handshake';
  readonly act: 1 | 2 | 3;
  readonly problem: 'read_failed' | 'bad_version' | 'bad_pubkey' | 'bad_tag' | 'bad_ciphertext';
}

const PROTOCOL = sha256(utf8('Noise_XK_secp256k1_ChaChaPoly_SHA256'));
const PROLOGUE = utf8('lightning');
const ACT_LENGTH = { 1: 50, 2: 50, 3: 66 } as const;

interface OwnKeys {
  readonly staticSecret: Bytes;
  /** 32 fresh random bytes that are a private key; used for one handshake. */
  readonly ephemeralSecret: Bytes;
}

/** Begins towards a node whose id is known; `send` is act one. Fails where `remote` is not a point. */
export function startInitiator(keys: OwnKeys & { readonly remote: NodeId }): Result<HandshakeStep, HandshakeFailure> {
  const { staticSecret, ephemeralSecret, remote } = keys;
  const ephemeral = secp.publicKey(ephemeralSecret);
  const h = mixHash(initialHash(remote), ephemeral);
  const es = secp.ecdh(remote, ephemeralSecret);
  if (es === null) return fail(problem(1, 'bad_pubkey'));
  const { ck, key } = mixKey(PROTOCOL, es);
  const tag = seal({ key, nonce: nonce(0), ad: h }, EMPTY);
  const state: Handshake = { act: 2, staticSecret, ephemeralSecret, remote, ck, h: mixHash(h, tag), pending: EMPTY };
  return ok({ kind: 'wait', state, send: concat(VERSION, ephemeral, tag) });
}

/** Waits for whoever connected to us. */
export function startResponder({ staticSecret, ephemeralSecret }: OwnKeys): Handshake {
  const h = initialHash(secp.publicKey(staticSecret));
  return { act: 1, staticSecret, ephemeralSecret, ck: PROTOCOL, h, pending: EMPTY };
}

/** Takes bytes in any portions. */
export function stepHandshake(state: Handshake, bytes: Bytes): Result<HandshakeStep, HandshakeFailure> {
  const all = state.pending.length === 0 ? bytes : concat(state.pending, bytes);
  const length = ACT_LENGTH[state.act];
  if (all.length < length) return ok({ kind: 'wait', state: { ...state, pending: all.slice() }, send: EMPTY });
  const message = all.subarray(0, length);
  const rest = all.slice(length);
  // BOLT 8: "If v is an unrecognized handshake version, then the responder MUST abort the connection attempt."
  if (message[0] !== 0) return fail(problem(state.act, 'bad_version'));
  switch (state.act) {
    case 1:
      return receiveAct1(state, message, rest);
    case 2:
      return receiveAct2(state, message, rest);
    case 3:
      return receiveAct3(state, message, rest);
  }
}

/** What it means when the connection ends before the act is whole. */
export const shortRead = (state: Handshake): HandshakeFailure => problem(state.act, 'read_failed');

/** BOLT 8, act one received and act two sent. */
function receiveAct1(state: AwaitAct1, message: Bytes, rest: Bytes): Result<HandshakeStep, HandshakeFailure> {
  const received = receiveEphemeral(state, message, state.staticSecret);
  if (!received.ok) return received;
  const { ck, h, remoteEphemeral } = received.value;
  const ephemeral = secp.publicKey(state.ephemeralSecret);
  const h2 = mixHash(h, ephemeral);
  const ee = secp.ecdh(remoteEphemeral, state.ephemeralSecret);
  if (ee === null) return fail(problem(1, 'bad_pubkey'));
  const mixed = mixKey(ck, ee);
  const tag = seal({ key: mixed.key, nonce: nonce(0), ad: h2 }, EMPTY);
  const { staticSecret, ephemeralSecret } = state;
  const next: Handshake = {
    act: 3,
    staticSecret,
    ephemeralSecret,
    remoteEphemeral,
    ck: mixed.ck,
    h: mixHash(h2, tag),
    tempKey: mixed.key,
    pending: EMPTY,
  };
  const send = concat(VERSION, ephemeral, tag);
  // Nobody honest sends act three before it has seen act two, but nothing is wrong with bytes that wait.
  return ok({ kind: 'wait', state: { ...next, pending: rest }, send });
}

/** BOLT 8, act two received and act three sent: the initiator is done. */
function receiveAct2(state: AwaitAct2, message: Bytes, rest: Bytes): Result<HandshakeStep, HandshakeFailure> {
  const received = receiveEphemeral(state, message, state.ephemeralSecret);
  if (!received.ok) return received;
  const { ck, key, h, remoteEphemeral } = received.value;
  const sealed = seal({ key, nonce: nonce(1), ad: h }, secp.publicKey(state.staticSecret));
  const h2 = mixHash(h, sealed);
  const se = secp.ecdh(remoteEphemeral, state.staticSecret);
  if (se === null) return fail(problem(2, 'bad_pubkey'));
  const mixed = mixKey(ck, se);
  const tag = seal({ key: mixed.key, nonce: nonce(0), ad: h2 }, EMPTY);
  const [sendKey, receiveKey] = split(mixed.ck);
  const keys = { sendKey, receiveKey, chainingKey: mixed.ck };
  return ok({ kind: 'done', remote: state.remote, keys, send: concat(VERSION, sealed, tag), rest });
}

/** BOLT 8, act three received: the responder learns who connected, and is done. */
function receiveAct3(state: AwaitAct3, message: Bytes, rest: Bytes): Result<HandshakeStep, HandshakeFailure> {
  const sealed = message.subarray(1, 50);
  const remote = open({ key: state.tempKey, nonce: nonce(1), ad: state.h }, sealed);
  if (remote === null) return fail(problem(3, 'bad_ciphertext'));
  const h = mixHash(state.h, sealed);
  const se = secp.ecdh(remote, state.ephemeralSecret);
  if (se === null) return fail(problem(3, 'bad_pubkey'));
  const mixed = mixKey(state.ck, se);
  if (open({ key: mixed.key, nonce: nonce(0), ad: h }, message.subarray(50)) === null) return fail(problem(3, 'bad_tag'));
  const [receiveKey, sendKey] = split(mixed.ck);
  return ok({ kind: 'done', remote: remote as NodeId, keys: { sendKey, receiveKey, chainingKey: mixed.ck }, send: EMPTY, rest });
}

interface Received {
  readonly ck: Bytes;
  readonly key: Bytes;
  readonly h: Bytes;
  readonly remoteEphemeral: Bytes;
}

/** The part that acts one and two share: their ephemeral key, mixed with `ourSecret`, and a tag over nothing. */
function receiveEphemeral(state: AwaitAct1 | AwaitAct2, message: Bytes, ourSecret: Bytes): Result<Received, HandshakeFailure> {
  const remoteEphemeral = message.slice(1, 34);
  const tag = message.subarray(34);
  const h = mixHash(state.h, remoteEphemeral);
  const shared = secp.ecdh(remoteEphemeral, ourSecret);
  if (shared === null) return fail(problem(state.act, 'bad_pubkey'));
  const { ck, key } = mixKey(state.ck, shared);
  if (open({ key, nonce: nonce(0), ad: h }, tag) === null) return fail(problem(state.act, 'bad_tag'));
  return ok({ ck, key, h: mixHash(h, tag), remoteEphemeral });
}

const VERSION = new Uint8Array(1);

const problem = (act: 1 | 2 | 3, what: HandshakeFailure['problem']): HandshakeFailure => ({ kind: 'handshake', act, problem: what });

const initialHash = (responder: Bytes): Bytes => mixHash(mixHash(PROTOCOL, PROLOGUE), responder);

const mixHash = (h: Bytes, data: Bytes): Bytes => sha256(concat(h, data));

function mixKey(chainingKey: Bytes, shared: Bytes): { readonly ck: Bytes; readonly key: Bytes } {
  const [ck, key] = hkdfPair(chainingKey, shared);
  return { ck, key };
}

const split = (ck: Bytes): readonly [Bytes, Bytes] => hkdfPair(ck, EMPTY);

/** BOLT 8: HKDF always gives 64 bytes, which are used as two keys. */
export function hkdfPair(salt: Bytes, ikm: Bytes): readonly [Bytes, Bytes] {
  const out = hkdfSha256({ salt, ikm, info: EMPTY, length: 64 });
  return [out.slice(0, 32), out.slice(32)];
}

/** 32 zero bits, then the number as 64 bits little-endian; only 0 and 1 occur here. */
const nonce = (number: 0 | 1): Bytes => {
  const out = new Uint8Array(12);
  out[4] = number;
  return out;
};
