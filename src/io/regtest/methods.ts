import type { Bytes } from '../../base/bytes.ts';
import { equal, toHex, tryHex } from '../../base/bytes.ts';
import type { BlockHash, TxId } from '../../base/ids.ts';
import { decodeAddressFor } from '../../bitcoin/address.ts';
import { decodeBlock, formatBlockHash } from '../../bitcoin/block.ts';
import { formatTxId, parseTxId, type Tx, txId } from '../../bitcoin/tx.ts';
import type { RegtestChain } from './chain.ts';
import { type BlockNode, chainWork, difficulty, medianTimePast, wtxId } from './consensus.ts';
import type { Faucet } from './faucet.ts';
import { type Entry, feeAt, type Reject } from './mempool.ts';
import { DESERIALIZATION, INVALID_ADDRESS_OR_KEY, INVALID_PARAMETER, type Params, RpcFault, readTx } from './params.ts';
import { btc, confirmations, headerHex, hex, rawBlock, rawTx, rpcBlock, rpcHeader, rpcScript, rpcTx, unspentOf } from './views.ts';

/** bitcoind's RPC methods over the built-in chain, with bitcoind's names, error codes and messages. */

export interface MethodContext {
  readonly chain: RegtestChain;
  readonly faucet: Faucet;
  /** Aborted when the caller hangs up or the server stops. */
  readonly gone: AbortSignal;
  readonly stop: () => void;
}

export interface Method {
  /** Names in order, for callers that pass an object. */
  readonly params: readonly string[];
  readonly run: (context: MethodContext, params: Params) => unknown;
}

const VERSION = 290000;

function known(chain: RegtestChain, hash: BlockHash): BlockNode {
  const node = chain.node(hash);
  if (node === null) throw new RpcFault(INVALID_ADDRESS_OR_KEY, 'Block not found');
  return node;
}

const sentence = (reject: Reject): string => (reject.details === null ? reject.reason : `${reject.reason}, ${reject.details}`);
const tipView = ({ tip }: RegtestChain): { readonly hash: string; readonly height: number } => ({
  hash: formatBlockHash(tip.hash),
  height: tip.height,
});

/** Resolves when `done` holds after a change of the chain, at the timeout (0: never), or when the caller is gone. */
function waitUntil({ chain, gone }: MethodContext, timeoutMs: number, done: () => boolean): Promise<unknown> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      clearTimeout(timer);
      gone.removeEventListener('abort', end);
      resolve(tipView(chain));
    };
    const look = (): void => {
      if (done()) end();
    };
    const stop = chain.listen(look);
    const timer = timeoutMs > 0 ? setTimeout(end, Math.min(timeoutMs, 2 ** 31 - 1)) : undefined;
    gone.addEventListener('abort', end);
    if (gone.aborted) end();
    else look();
  });
}

const CHAIN: Readonly<Record<string, Method>> = {
  getblockchaininfo: {
    params: [],
    run: ({ chain }) => ({
      chain: 'regtest',
      blocks: chain.tip.height,
      headers: chain.tip.height,
      bestblockhash: formatBlockHash(chain.tip.hash),
      difficulty: difficulty(chain.tip.header.bits),
      time: chain.tip.header.time,
      mediantime: medianTimePast(chain.tip),
      verificationprogress: 1,
      initialblockdownload: false,
      chainwork: chainWork(chain.tip.height),
      pruned: false,
      warnings: [],
    }),
  },
  getblockcount: { params: [], run: ({ chain }) => chain.tip.height },
  getbestblockhash: { params: [], run: ({ chain }) => formatBlockHash(chain.tip.hash) },
  getblockhash: {
    params: ['height'],
    run: ({ chain }, params) => {
      const node = chain.at(params.integer(0));
      if (node === null) throw new RpcFault(INVALID_PARAMETER, 'Block height out of range');
      return formatBlockHash(node.hash);
    },
  },
  getblock: {
    params: ['blockhash', 'verbosity'],
    run: ({ chain }, params) => {
      const node = known(chain, params.blockHash(0));
      const verbosity = params.verbosity(1, 1);
      if (verbosity <= 0) return hex(rawBlock(node));
      return rpcBlock(chain, node, verbosity === 1 ? 'ids' : 'transactions');
    },
  },
  getblockheader: {
    params: ['blockhash', 'verbose'],
    run: ({ chain }, params) => {
      const node = known(chain, params.blockHash(0));
      return params.flag(1, true) ? rpcHeader(chain, node) : headerHex(node);
    },
  },
  getrawtransaction: {
    params: ['txid', 'verbosity', 'blockhash'],
    run: ({ chain }, params) => {
      const txid = params.txid(0);
      const found = params.has(2) ? inBlock(chain, txid, params.blockHash(2)) : chain.transaction(txid);
      if (found === null)
        throw new RpcFault(
          INVALID_ADDRESS_OR_KEY,
          'No such mempool or blockchain transaction. Use gettransaction for wallet transactions.',
        );
      if (params.verbosity(1, 0) === 0) return rawTx(found.tx);
      const { block } = found;
      const place =
        block === null
          ? {}
          : {
              blockhash: formatBlockHash(block.hash),
              confirmations: Math.max(0, confirmations(chain, block)),
              time: block.header.time,
              blocktime: block.header.time,
            };
      return { ...rpcTx(found.tx), hex: rawTx(found.tx), ...place };
    },
  },
  gettxout: {
    params: ['txid', 'n', 'include_mempool'],
    run: ({ chain }, params) => {
      const [txid, vout] = [params.txid(0), params.integer(1)];
      const mempool = params.flag(2, true);
      if (vout < 0) return null;
      if (mempool && chain.spend({ txid, vout }) !== null) return null;
      const coin = mempool ? chain.mempool.coin({ txid, vout }, chain.tip) : chain.coin({ txid, vout });
      if (coin === null) return null;
      return {
        bestblock: formatBlockHash(chain.tip.hash),
        confirmations: Math.max(0, chain.tip.height - coin.height + 1),
        value: btc(coin.output.amount),
        scriptPubKey: rpcScript(coin.output.script),
        coinbase: coin.coinbase,
      };
    },
  },
  scantxoutset: {
    params: ['action', 'scanobjects'],
    run: ({ chain }, params) => {
      if (params.text(0) !== 'start') throw new RpcFault(INVALID_PARAMETER, 'Invalid action argument');
      const scripts = new Set(params.list(1).map((each) => toHex(scannedScript(each))));
      const unspents = [...unspentOf(chain, (script) => scripts.has(toHex(script)))];
      return {
        success: true,
        txouts: chain.tip.coins.size,
        height: chain.tip.height,
        bestblock: formatBlockHash(chain.tip.hash),
        unspents: unspents.map(({ txid, vout, amount, script, height, coinbase }) => ({
          txid: formatTxId(txid),
          vout,
          scriptPubKey: hex(script),
          desc: `raw(${hex(script)})`,
          amount: btc(amount),
          coinbase,
          height,
        })),
        total_amount: btc(unspents.reduce((sum, each) => sum + each.amount, 0n)),
      };
    },
  },
  waitfornewblock: {
    params: ['timeout', 'current_tip'],
    run: (context, params) => {
      const current = params.has(1) ? params.blockHash(1) : context.chain.tip.hash;
      return waitUntil(context, params.integer(0, 0), () => !equal(context.chain.tip.hash, current));
    },
  },
  waitforblockheight: {
    params: ['height', 'timeout'],
    run: (context, params) => {
      const height = params.integer(0);
      return waitUntil(context, params.integer(1, 0), () => context.chain.tip.height >= height);
    },
  },
};

function inBlock(chain: RegtestChain, txid: TxId, hash: BlockHash): { readonly tx: Tx; readonly block: BlockNode } | null {
  const block = known(chain, hash);
  const tx = block.txs.find((each) => equal(txId(each), txid));
  return tx === undefined ? null : { tx, block };
}

/** `raw(HEX)` and `addr(ADDRESS)`, as text or as an object with `desc`, a checksum allowed. */
function scannedScript(each: unknown): Bytes {
  const text = typeof each === 'object' && each !== null && 'desc' in each ? each.desc : each;
  const match = typeof text === 'string' ? /^(raw|addr)\(([0-9a-zA-Z]+)\)(#[a-z0-9]{8})?$/.exec(text) : null;
  const inner = match?.[2] ?? '';
  const address = match?.[1] === 'addr' ? decodeAddressFor(inner, 'regtest') : null;
  const script = address === null ? (match === null ? null : tryHex(inner)) : address.ok ? address.value.script : null;
  if (script === null) throw new RpcFault(INVALID_ADDRESS_OR_KEY, `Invalid descriptor '${String(text)}'`);
  return script;
}

/** bitcoind's 0.10 BTC/kvB, in sat. */
const MAX_FEERATE = 10_000_000n;
const exceedsFee = (entry: Entry, most: bigint): boolean => most > 0n && entry.fee > feeAt(most, entry.vsize);

const MEMPOOL: Readonly<Record<string, Method>> = {
  sendrawtransaction: {
    params: ['hexstring', 'maxfeerate', 'maxburnamount'],
    run: ({ chain }, params) => {
      const tx = params.tx(0);
      const tested = chain.test(tx);
      if (tested.ok && exceedsFee(tested.value.entry, params.feerate(1, MAX_FEERATE)))
        throw new RpcFault(-25, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)');
      const sent = chain.submit(tx);
      if (!sent.ok) throw new RpcFault(sent.failure.code, sentence(sent.failure));
      return formatTxId(txId(tx));
    },
  },
  testmempoolaccept: {
    params: ['rawtxs', 'maxfeerate'],
    run: ({ chain }, params) =>
      params.list(0).map((raw) => {
        const tx = readTx(raw);
        const ids = { txid: formatTxId(txId(tx)), wtxid: formatTxId(wtxId(tx)) };
        const tested = chain.test(tx);
        if (!tested.ok) {
          const reason = tested.failure.reason === 'bad-txns-inputs-missingorspent' ? 'missing-inputs' : tested.failure.reason;
          return { ...ids, allowed: false, 'reject-reason': reason, 'reject-details': sentence(tested.failure) };
        }
        const { entry } = tested.value;
        if (exceedsFee(entry, params.feerate(1, MAX_FEERATE))) return { ...ids, allowed: false, 'reject-reason': 'max-fee-exceeded' };
        const feerate = btc((entry.fee * 1000n) / BigInt(entry.vsize));
        return { ...ids, allowed: true, vsize: entry.vsize, fees: { base: btc(entry.fee), 'effective-feerate': feerate } };
      }),
  },
  getrawmempool: {
    params: ['verbose'],
    run: ({ chain }, params) => {
      const entries = chain.mempool.list();
      if (!params.flag(0, false)) return entries.map((entry) => formatTxId(entry.txid));
      return Object.fromEntries(
        entries.map((entry) => [
          formatTxId(entry.txid),
          {
            vsize: entry.vsize,
            weight: entry.weight,
            time: entry.time,
            height: entry.height,
            fees: { base: btc(entry.fee) },
            depends: entry.parents.map(formatTxId),
            'bip125-replaceable': true,
          },
        ]),
      );
    },
  },
  getmempoolinfo: {
    params: [],
    run: ({ chain }) => {
      const entries = chain.mempool.list();
      const floor = btc(chain.mempool.rules.minRelayFeerate);
      return {
        loaded: true,
        size: entries.length,
        bytes: entries.reduce((sum, entry) => sum + entry.vsize, 0),
        total_fee: btc(entries.reduce((sum, entry) => sum + entry.fee, 0n)),
        mempoolminfee: floor,
        minrelaytxfee: floor,
        incrementalrelayfee: btc(chain.mempool.rules.incrementalFeerate),
        fullrbf: true,
      };
    },
  },
  estimatesmartfee: {
    params: ['conf_target', 'estimate_mode'],
    run: ({ chain }, params) => {
      const target = params.integer(0);
      if (target < 1 || target > 1008) throw new RpcFault(INVALID_PARAMETER, 'Invalid conf_target, must be between 1 and 1008');
      return { feerate: btc(chain.estimateFeerate(target)), blocks: target };
    },
  },
  /** Not bitcoind's: fixes what estimatesmartfee answers (BTC/kvB), or frees it with null. */
  setestimate: {
    params: ['feerate'],
    run: ({ chain }, params) => {
      chain.setEstimate(params.has(0) ? params.amount(0) : null);
      return null;
    },
  },
};

const MINING: Readonly<Record<string, Method>> = {
  generatetoaddress: {
    params: ['nblocks', 'address', 'maxtries'],
    run: ({ chain }, params) => chain.mine(blocksWanted(params, 0), params.address(1)).map((node) => formatBlockHash(node.hash)),
  },
  /** Mines to the chain's own wallet. */
  generate: {
    params: ['nblocks'],
    run: ({ chain, faucet }, params) => chain.mine(blocksWanted(params, 0), faucet.script).map((node) => formatBlockHash(node.hash)),
  },
  generateblock: {
    params: ['output', 'transactions'],
    run: ({ chain }, params) => {
      const txs = params.list(1).map((each) => {
        const txid = typeof each === 'string' ? parseTxId(each) : null;
        if (txid === null) return readTx(each);
        const entry = chain.mempool.entries.get(txid);
        if (entry === undefined) throw new RpcFault(INVALID_ADDRESS_OR_KEY, `Transaction ${each} not in mempool.`);
        return entry.tx;
      });
      const mined = chain.mineExactly(txs, params.address(0));
      if (!mined.ok) throw new RpcFault(-25, `TestBlockValidity failed: ${mined.failure}`);
      return { hash: formatBlockHash(mined.value.hash) };
    },
  },
  submitblock: {
    params: ['hexdata', 'dummy'],
    run: ({ chain }, params) => {
      const bytes = tryHex(params.text(0));
      const block = bytes === null ? null : decodeBlock(bytes);
      if (block === null || !block.ok) throw new RpcFault(DESERIALIZATION, 'Block decode failed');
      const result = chain.submitBlock(block.value);
      return result.ok ? null : result.failure;
    },
  },
  invalidateblock: {
    params: ['blockhash'],
    run: ({ chain }, params) => {
      if (!chain.invalidate(known(chain, params.blockHash(0)).hash)) throw new RpcFault(INVALID_PARAMETER, 'The genesis block stays');
      return null;
    },
  },
  reconsiderblock: {
    params: ['blockhash'],
    run: ({ chain }, params) => {
      chain.reconsider(known(chain, params.blockHash(0)).hash);
      return null;
    },
  },
};

function blocksWanted(params: Params, at: number): number {
  const count = params.integer(at);
  if (count < 0 || count > 10_000) throw new RpcFault(INVALID_PARAMETER, 'nblocks is out of range');
  return count;
}

const WALLET: Readonly<Record<string, Method>> = {
  getnewaddress: { params: ['label', 'address_type'], run: ({ faucet }) => faucet.address },
  getbalance: { params: [], run: ({ faucet }) => btc(faucet.balance()) },
  sendtoaddress: {
    params: [
      'address',
      'amount',
      'comment',
      'comment_to',
      'subtractfeefromamount',
      'replaceable',
      'conf_target',
      'estimate_mode',
      'avoid_reuse',
      'fee_rate',
    ],
    run: ({ faucet }, params) => {
      const output = { script: params.address(0), amount: params.amount(1) };
      const sent = faucet.send([output], params.has(9) ? BigInt(params.integer(9)) * 1000n : undefined);
      if (!sent.ok) throw new RpcFault(sent.failure === 'Insufficient funds' ? -6 : -4, sent.failure);
      return formatTxId(txId(sent.value));
    },
  },
};

const SERVER: Readonly<Record<string, Method>> = {
  getnetworkinfo: {
    params: [],
    run: ({ chain }) => ({
      version: VERSION,
      subversion: '/lnkit-regtest:1/',
      protocolversion: 70016,
      connections: 0,
      networkactive: false,
      networks: [],
      relayfee: btc(chain.mempool.rules.minRelayFeerate),
      incrementalfee: btc(chain.mempool.rules.incrementalFeerate),
      localaddresses: [],
      warnings: [],
    }),
  },
  getzmqnotifications: { params: [], run: () => [] },
  getindexinfo: { params: ['index_name'], run: ({ chain }) => ({ txindex: { synced: true, best_block_height: chain.tip.height } }) },
  stop: {
    params: [],
    run: ({ stop }) => {
      stop();
      return 'lnkit regtest stopping';
    },
  },
};

export const METHODS: ReadonlyMap<string, Method> = new Map(Object.entries({ ...CHAIN, ...MEMPOOL, ...MINING, ...WALLET, ...SERVER }));
