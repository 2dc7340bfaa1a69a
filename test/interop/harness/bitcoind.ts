import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peerBinary } from './peers.ts';
import { eventually } from './poll.ts';
import { freePort } from './ports.ts';
import { type Supervised, supervise } from './process.ts';

const USER = 'harness';
const PASSWORD = 'harness';
const WALLET = 'miner';

/** Bitcoin's RPC speaks decimals of a bitcoin. Exact for every amount below 90 million BTC. */
const toBtc = (sats: number): string => `${Math.floor(sats / 1e8)}.${String(sats % 1e8).padStart(8, '0')}`;

export interface BitcoinTransaction {
  readonly txid: string;
  readonly confirmations?: number;
  readonly hex: string;
  readonly vin: readonly {
    readonly txid: string;
    readonly vout: number;
    readonly txinwitness?: readonly string[];
    readonly sequence: number;
  }[];
  readonly vout: readonly {
    readonly value: number;
    readonly n: number;
    readonly scriptPubKey: { readonly hex: string; readonly address?: string };
  }[];
}

/** A bitcoind on regtest with a funded wallet and a transaction index. */
export class Bitcoind {
  readonly directory: string;
  readonly ports: { readonly rpc: number; readonly p2p: number; readonly zmqBlock: number; readonly zmqTx: number };
  readonly user = USER;
  readonly password = PASSWORD;
  readonly logFile: string;
  #process: Supervised | undefined;

  private constructor(directory: string, ports: Bitcoind['ports']) {
    this.directory = directory;
    this.ports = ports;
    this.logFile = join(directory, 'bitcoind.log');
  }

  /** Starts it in `directory` and mines until the wallet has ten spendable coinbases (500 BTC). */
  static async start(directory: string): Promise<Bitcoind> {
    mkdirSync(directory, { recursive: true });
    const ports = { rpc: await freePort(), p2p: await freePort(), zmqBlock: await freePort(), zmqTx: await freePort() };
    const bitcoind = new Bitcoind(directory, ports);
    writeFileSync(join(directory, 'bitcoin.conf'), configuration(ports), { mode: 0o600 });
    await bitcoind.run();
    await bitcoind.rpc('createwallet', [WALLET]);
    await bitcoind.mine(110);
    return bitcoind;
  }

  /** `host:port` of the RPC server. */
  get rpcHost(): string {
    return `127.0.0.1:${this.ports.rpc}`;
  }

  /** The `--chain` argument for lnkit. */
  get chainUrl(): string {
    return `bitcoind://${USER}:${PASSWORD}@${this.rpcHost}`;
  }

  /** Starts the process (again) and waits for its answer. */
  async run(): Promise<void> {
    const args = [`-datadir=${this.directory}`];
    const started = await supervise({ name: 'bitcoind', command: peerBinary('bitcoind'), args, logFile: this.logFile });
    this.#process = started;
    const ready = async (): Promise<boolean> => (await this.rpc<{ chain: string }>('getblockchaininfo')).chain === 'regtest';
    await eventually('bitcoind to answer', ready, { gaveUp: started.endReason });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  /** Stops it and starts it again on the same data and ports. An lnd needs some seconds to listen again and misses blocks until the next. */
  async restart(): Promise<void> {
    await this.stop();
    await this.run();
    await this.rpc('loadwallet', [WALLET]);
  }

  /**
   * One RPC call, to the wallet where the method belongs to it.
   * @throws Error with the method, the code and the message when bitcoind refuses
   */
  async rpc<T = unknown>(method: string, params: readonly unknown[] | Readonly<Record<string, unknown>> = []): Promise<T> {
    const response = await fetch(`http://${this.rpcHost}${WALLET_METHODS.has(method) ? `/wallet/${WALLET}` : '/'}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '1.0', id: method, method, params }),
    });
    const answer = (await response.json()) as { result: T; error: { code: number; message: string } | null };
    if (answer.error !== null) throw new Error(`bitcoind ${method}: ${answer.error.message} (${answer.error.code})`);
    return answer.result;
  }

  /** Mines blocks to the own wallet and returns their hashes. */
  async mine(blocks: number): Promise<readonly string[]> {
    return this.rpc<string[]>('generatetoaddress', [blocks, await this.newAddress()]);
  }

  height(): Promise<number> {
    return this.rpc<number>('getblockcount');
  }

  newAddress(): Promise<string> {
    return this.rpc<string>('getnewaddress');
  }

  /** Pays `sats` to `address` at `feeRate` (sat/vB, default 2) and returns the txid, unconfirmed. */
  sendToAddress(address: string, sats: number, feeRate = 2): Promise<string> {
    return this.rpc<string>('sendtoaddress', { address, amount: toBtc(sats), fee_rate: feeRate });
  }

  /** The balance of the own wallet, in satoshis. */
  async balanceSats(): Promise<number> {
    return Math.round((await this.rpc<number>('getbalance')) * 1e8);
  }

  transaction(txid: string): Promise<BitcoinTransaction> {
    return this.rpc<BitcoinTransaction>('getrawtransaction', [txid, 1]);
  }

  mempool(): Promise<readonly string[]> {
    return this.rpc<string[]>('getrawmempool');
  }

  /** Waits until the mempool or a block has the transaction. */
  waitForTransaction(txid: string): Promise<BitcoinTransaction> {
    return eventually(`transaction ${txid}`, () => this.transaction(txid));
  }

  /** Waits until the mempool has a transaction that spends the output, and returns its txid. */
  waitForSpend(outpoint: { readonly txid: string; readonly index: number }): Promise<string> {
    return eventually(`a spend of ${outpoint.txid}:${outpoint.index}`, async () => {
      const [answer] = await this.rpc<{ spendingtxid?: string }[]>('gettxspendingprevout', [
        [{ txid: outpoint.txid, vout: outpoint.index }],
      ]);
      return answer?.spendingtxid;
    });
  }

  /**
   * Fills blocks with transactions at `feeRate` (sat/vB) until `estimatesmartfee` answers for 2 blocks. Without it nodes fall back
   * to made-up feerates, and lnd closes at 25 sat/vB.
   * @returns what it then estimates, in sat/vB
   */
  async fundFeeHistory(feeRate = 5): Promise<number> {
    for (let block = 0; block < 60; block++) {
      const address = await this.newAddress();
      for (let count = 0; count < 6; count++) await this.sendToAddress(address, 20_000 + count, feeRate);
      await this.mine(1);
      const { feerate } = await this.rpc<{ feerate?: number }>('estimatesmartfee', [2]);
      if (feerate !== undefined && block >= 10) return Math.round(feerate * 1e8) / 1000;
    }
    throw new Error('bitcoind estimates no fee after 60 blocks of transactions');
  }
}

/** Methods that need the wallet's path. */
const WALLET_METHODS = new Set([
  'getnewaddress',
  'getrawchangeaddress',
  'sendtoaddress',
  'getbalance',
  'listunspent',
  'walletcreatefundedpsbt',
  'walletprocesspsbt',
  'bumpfee',
  'sendmany',
]);

function configuration(ports: Bitcoind['ports']): string {
  const general = ['regtest=1', 'server=1', 'txindex=1', 'fallbackfee=0.00002', `rpcuser=${USER}`, `rpcpassword=${PASSWORD}`];
  const zmq = [`zmqpubrawblock=tcp://127.0.0.1:${ports.zmqBlock}`, `zmqpubrawtx=tcp://127.0.0.1:${ports.zmqTx}`];
  // By itself this bitcoind hands out legacy addresses, and lnd refuses a P2PKH shutdown script.
  const wallet = [
    'addresstype=bech32',
    'changetype=bech32',
    'listenonion=0',
    'discover=0',
    'dnsseed=0',
    'rpcworkqueue=256',
    'rpcthreads=8',
  ];
  const network = ['[regtest]', `rpcport=${ports.rpc}`, `port=${ports.p2p}`, 'bind=127.0.0.1', 'rpcbind=127.0.0.1', 'rpcallowip=127.0.0.1'];
  return `${[...general, ...zmq, ...wallet, ...network].join('\n')}\n`;
}
