import { afterEach, expect, test } from 'vitest';
import type { Bytes } from '../../../../src/base/bytes.ts';
import { ok } from '../../../../src/base/result.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { Duplex, Service, Talk } from '../../../../src/io/grpc/server.ts';
import { openMailbox, type RemoteMailbox } from '../../../../src/io/universe/mailbox.ts';
import type { MailboxMessage } from '../../../../src/io/universe/mailbox-contract.ts';
import { codeOf, serve } from './grpc-kit.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const privateKey = sha256(Uint8Array.of(1));
const receiverKey = secp.publicKey(privateKey);
const sign = (digest: Bytes): Bytes => secp.schnorrSign(digest, privateKey, new Uint8Array(32));
const challenge = sha256(Uint8Array.of(2));

async function against(receive: Duplex, unary: Service['unary'] = {}, timeoutMs = 3_000): Promise<RemoteMailbox> {
  const server = await serve([{ name: 'mailbox', unary, duplex: { ReceiveMessages: receive } }]);
  const client = openMailbox(server.address, { timeoutMs });
  open.push(
    () => server.close(),
    () => client.close(),
  );
  return client;
}

interface Request {
  readonly init: {
    readonly receiver_id: Bytes;
    readonly start_message_id_exclusive: string;
    readonly start_block_height_inclusive: number;
  } | null;
  readonly auth_sig: { readonly signature: Bytes } | null;
}
/** A server that says these things in turn, one for each message of the client. */
const saying =
  (...script: ((talk: Talk, request: Request) => void)[]): Duplex =>
  (talk) => ({ message: (request: Request) => script.shift()?.(talk, request), closed() {} });
const ask = (talk: Talk): void => talk.write({ challenge: { challenge_hash: challenge } });
const message = (id: number, payload = Uint8Array.of(id)) => ({ message_id: id, encrypted_payload: payload, arrival_timestamp: 9 });

test('the challenge is signed as lnd signs for tapd, and messages come until the receiver has enough', async () => {
  const requests: Request[] = [];
  const enough = new AbortController();
  const client = await against(
    saying(
      (talk, request) => {
        requests.push(request);
        ask(talk);
      },
      (talk, request) => {
        requests.push(request);
        talk.write({ auth_success: true });
        talk.write({ messages: { messages: [message(4), message(5)] } });
      },
    ),
  );
  const got: MailboxMessage[] = [];
  const onMessages = (messages: readonly MailboxMessage[]): void => {
    got.push(...messages);
    enough.abort();
  };
  expect(await client.receive({ receiverKey, afterId: 0n, sign, onMessages, signal: enough.signal })).toEqual(ok(null));
  expect(got).toEqual([4, 5].map((id) => ({ id: BigInt(id), encryptedPayload: Uint8Array.of(id), arrivedAt: 9 })));
  expect(requests[0]?.init).toMatchObject({ start_message_id_exclusive: '0', start_block_height_inclusive: 1 });
  const signature = Uint8Array.from(requests[1]?.auth_sig?.signature ?? []);
  expect(secp.schnorrVerify(signature, sha256(challenge), receiverKey.slice(1))).toBe(true);
});

test.each([
  ['a challenge that is too short', 'PROTOCOL', saying((talk) => talk.write({ challenge: { challenge_hash: new Uint8Array(31) } }))],
  ['a second challenge', 'PROTOCOL', saying(ask, ask)],
  ['nothing in it', 'PROTOCOL', saying((talk) => talk.write({}))],
  [
    'a message that is too large',
    'PROTOCOL',
    saying((talk) => talk.write({ messages: { messages: [message(1, new Uint8Array(65_537))] } })),
  ],
  ['a farewell', 'UNREACHABLE', saying((talk) => talk.write({ eos: {} }))],
  ['the end', 'UNREACHABLE', saying((talk) => talk.end())],
  ['silence', 'TIMEOUT', saying()],
] as const)('a server that answers with %s ends the stream', async (_, code, receive) => {
  const client = await against(receive, {}, code === 'TIMEOUT' ? 300 : 5_000);
  const got: unknown[] = [];
  const answer = await client.receive({
    ...{ receiverKey, afterId: 3n, sign, signal: new AbortController().signal },
    onMessages: (messages) => void got.push(messages),
  });
  expect([codeOf(answer), got]).toEqual([code, []]);
});

test('once let in, a receiver waits as long as it likes', async () => {
  const client = await against(
    saying(ask, (talk) => {
      talk.write({ auth_success: true });
      setTimeout(() => talk.write({ messages: { messages: [message(1)] } }), 1_300);
    }),
    {},
    1_000,
  );
  const enough = new AbortController();
  const onMessages = () => enough.abort();
  expect(codeOf(await client.receive({ receiverKey, afterId: 0n, sign, onMessages, signal: enough.signal }))).toBe('ok');
});

test('a removal is signed over the key and the ids in their order', async () => {
  const asked: { receiver_id: Bytes; message_ids: readonly string[]; signature: Bytes }[] = [];
  const client = await against(saying(), { RemoveMessage: async (request) => ok({ num_removed: asked.push(request) }) });
  expect(await client.remove({ receiverKey, ids: [258n, 2n ** 64n - 1n], sign })).toEqual(ok(null));
  expect(asked[0]?.message_ids).toEqual(['258', '18446744073709551615']);
  const listed = Uint8Array.of(...receiverKey, 0, 0, 0, 0, 0, 0, 1, 2, ...new Uint8Array(8).fill(255));
  expect(secp.schnorrVerify(Uint8Array.from(asked[0]?.signature ?? []), sha256(sha256(listed)), receiverKey.slice(1))).toBe(true);
  const many = Array.from({ length: 1_001 }, (_, i) => BigInt(i));
  expect(codeOf(await client.remove({ receiverKey, ids: many, sign }))).toBe('TOO_LARGE');
});
