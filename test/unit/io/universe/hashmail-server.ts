// A hashmail as aperture serves it: streams with one writer and one reader each, whose messages are read once.
import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Bytes } from '../../../../src/base/bytes.ts';
import { toHex } from '../../../../src/base/bytes.ts';
import { STATUS } from '../../../../src/io/grpc/client.ts';
import { loadService } from '../../../../src/io/grpc/load.ts';
import { makeCertificate } from '../../../../src/io/universe/certificate.ts';

interface Desc {
  readonly desc: { readonly stream_id: Bytes };
}

class Stream {
  readonly #waiting: Bytes[] = [];
  readonly #readers: ((message: Bytes) => void)[] = [];

  write(message: Bytes): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#waiting.push(message);
    else reader(message);
  }
  read(reader: (message: Bytes) => void): () => void {
    const message = this.#waiting.shift();
    if (message === undefined) this.#readers.push(reader);
    else reader(message);
    return () => {
      const at = this.#readers.indexOf(reader);
      if (at >= 0) this.#readers.splice(at, 1);
    };
  }
}

export interface Hashmail {
  readonly port: number;
  readonly streams: ReadonlyMap<string, Stream>;
  close(): void;
}

export async function serveHashmail(): Promise<Hashmail> {
  const { grpc, definition } = await loadService('hashmail');
  const streams = new Map<string, Stream>();
  const missing = { code: STATUS.NOT_FOUND, details: 'stream not found' };
  const server = new grpc.Server();
  server.addService(definition, {
    NewCipherBox({ request: { desc } }: ServerUnaryCall<Desc, object>, answer: sendUnaryData<object>) {
      const key = toHex(desc.stream_id);
      if (desc.stream_id.length !== 64) return answer({ code: STATUS.INVALID_ARGUMENT, details: 'not 64 bytes' });
      if (streams.has(key)) return answer({ code: STATUS.ALREADY_EXISTS, details: 'stream already active' });
      streams.set(key, new Stream());
      answer(null, { success: {} });
    },
    DelCipherBox({ request: { desc } }: ServerUnaryCall<Desc, object>, answer: sendUnaryData<object>) {
      if (streams.delete(toHex(desc.stream_id))) answer(null, {});
      else answer(missing);
    },
    SendStream(call: ServerReadableStream<Desc & { readonly msg: Bytes }, object>, answer: sendUnaryData<object>) {
      call.on('data', ({ desc, msg }) => streams.get(toHex(desc.stream_id))?.write(Uint8Array.from(msg)));
      // aperture answers the end of the stream so.
      call.on('end', () => answer({ code: STATUS.UNKNOWN, details: 'EOF' }));
    },
    RecvStream(call: ServerWritableStream<Desc['desc'], object>) {
      const stream = streams.get(toHex(call.request.stream_id));
      if (stream === undefined) return void call.emit('error', missing);
      const stop = stream.read((msg) => call.write({ desc: call.request, msg }));
      call.on('cancelled', stop);
    },
  });
  const { key, certificate } = await makeCertificate({ host: '127.0.0.1', now: Date.now() });
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) };
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, at: number) => (error === null ? resolve(at) : reject(error));
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createSsl(null, [pair]), bound);
  });
  return { port, streams, close: () => server.forceShutdown() };
}
