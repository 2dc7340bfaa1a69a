import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ClientDuplexStream, credentials, loadPackageDefinition, Metadata, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface AcceptRequest {
  readonly node_pubkey: Buffer;
  readonly pending_chan_id: Buffer;
  readonly funding_amt: string;
  readonly push_amt: string;
  readonly csv_delay: number;
  readonly channel_flags: number;
  readonly wants_zero_conf: boolean;
  readonly wants_scid_alias: boolean;
}

export interface AcceptDecision {
  readonly accept: boolean;
  readonly error?: string;
  readonly zero_conf?: boolean;
  readonly min_accept_depth?: number;
  readonly csv_delay?: number;
  readonly reserve_sat?: number;
  readonly in_flight_max_msat?: number;
  readonly max_htlc_count?: number;
}

export interface Acceptor {
  /** Every question that lnd has asked, in order. */
  readonly asked: readonly AcceptRequest[];
  close(): void;
}

type Call = ClientDuplexStream<AcceptDecision & { readonly pending_chan_id: Buffer }, AcceptRequest>;

/** Says yes to zero-conf where the opener wants it, and yes to every other channel as lnd would. */
export const acceptZeroConf = (request: AcceptRequest): AcceptDecision =>
  request.wants_zero_conf ? { accept: true, zero_conf: true, min_accept_depth: 0 } : { accept: true };

/**
 * Decides on each channel that somebody opens to this lnd, until `close()`. lnd accepts zero-conf only through this call.
 * @throws Error when lnd's gRPC does not answer within 10 seconds
 */
export async function acceptChannels(
  access: { readonly rpcPort: number; readonly certificateFile: string; readonly macaroonFile: string },
  decide: (request: AcceptRequest) => AcceptDecision,
): Promise<Acceptor> {
  const definition = loadSync(fileURLToPath(new URL('./acceptor.proto', import.meta.url)), {
    keepCase: true,
    longs: String,
    defaults: true,
  });
  const lnrpc = loadPackageDefinition(definition)['lnrpc'] as unknown as { readonly Lightning: ServiceClientConstructor };
  const client = new lnrpc.Lightning(`127.0.0.1:${access.rpcPort}`, credentials.createSsl(readFileSync(access.certificateFile)), {
    'grpc.ssl_target_name_override': 'localhost',
  });
  const deadline = Date.now() + 10_000;
  await new Promise<void>((resolve, reject) => client.waitForReady(deadline, (error) => (error === undefined ? resolve() : reject(error))));
  const metadata = new Metadata();
  metadata.set('macaroon', readFileSync(access.macaroonFile).toString('hex'));
  const call = (client['ChannelAcceptor'] as (metadata: Metadata) => Call).call(client, metadata);
  const asked: AcceptRequest[] = [];
  call.on('data', (request: AcceptRequest) => {
    asked.push(request);
    call.write({ ...decide(request), pending_chan_id: request.pending_chan_id });
  });
  // lnd ends the call with an error when it stops; the channel that then fails to open tells the test.
  call.on('error', () => {});
  return {
    asked,
    close: () => {
      call.cancel();
      client.close();
    },
  };
}
