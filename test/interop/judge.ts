import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bitcoind } from './harness/bitcoind.ts';

interface Call {
  readonly method?: string;
  readonly params?: unknown;
}

export interface Judged {
  readonly txid: string;
  readonly allowed: boolean;
  readonly reason: string | undefined;
}

/** Stands between lnkit and bitcoind, and asks `testmempoolaccept` about every transaction that lnkit sends before passing it on. */
export class Judge {
  readonly judged: Judged[] = [];
  readonly #bitcoind: Bitcoind;
  readonly #server: Server;

  private constructor(bitcoind: Bitcoind) {
    this.#bitcoind = bitcoind;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#pass(request.url ?? '/', Buffer.concat(chunks)).then(
          ({ status, text }) => response.writeHead(status, { 'content-type': 'application/json' }).end(text),
          (error: Error) => response.writeHead(502).end(error.message),
        );
      });
    });
  }

  static async start(bitcoind: Bitcoind): Promise<Judge> {
    const judge = new Judge(bitcoind);
    await new Promise<void>((resolve) => judge.#server.listen(0, '127.0.0.1', resolve));
    return judge;
  }

  /** The `--chain` argument for lnkit. */
  get chainUrl(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `bitcoind://${this.#bitcoind.user}:${this.#bitcoind.password}@127.0.0.1:${port}`;
  }

  /** What bitcoind said when this transaction was first sent. */
  verdict(txid: string): Judged | undefined {
    return this.judged.find((each) => each.txid === txid);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #pass(path: string, body: Buffer): Promise<{ readonly status: number; readonly text: string }> {
    const asked = JSON.parse(body.toString()) as Call | readonly Call[];
    for (const { method, params } of Array.isArray(asked) ? (asked as readonly Call[]) : [asked as Call]) {
      if (method !== 'sendrawtransaction') continue;
      const raw = Array.isArray(params) ? (params as readonly unknown[])[0] : (params as { readonly hexstring: unknown }).hexstring;
      type Answer = { readonly txid: string; readonly allowed: boolean; readonly 'reject-reason'?: string };
      const [answer] = await this.#bitcoind.rpc<Answer[]>('testmempoolaccept', [[raw]]);
      if (answer !== undefined) this.judged.push({ txid: answer.txid, allowed: answer.allowed, reason: answer['reject-reason'] });
    }
    const { rpcHost, user, password } = this.#bitcoind;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`http://${rpcHost}${path}`, { method: 'POST', headers, body: body.toString() });
    return { status: answer.status, text: await answer.text() };
  }
}
