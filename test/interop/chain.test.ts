import { expect, test } from 'vitest';
import { type Bytes, equal, fromHex, toHex } from '../../src/base/bytes.ts';
import { height, sat } from '../../src/base/units.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { decodeBlock, encodeBlock, parseBlockHash } from '../../src/bitcoin/block.ts';
import { OP, opReturnScript, p2trScript, p2wshScript, script, scriptNumber } from '../../src/bitcoin/script.ts';
import { SIGHASH, sighashTaproot, sighashV0 } from '../../src/bitcoin/sighash.ts';
import { signP2trInput, witnessSignature } from '../../src/bitcoin/sign.ts';
import { bip86Script, controlBlock, tapLeafHash, taprootOutputKey, xOnly } from '../../src/bitcoin/taproot.ts';
import { encodeTx, formatTxId, parseTxId, type Tx, type TxOutput, txId, txInput, withWitness } from '../../src/bitcoin/tx.ts';
import { secp } from '../../src/crypto/ec.ts';
import { cursorAt, cursorTip, follow } from '../../src/io/chain/follow.ts';
import { checkChain, openChain, parseChainUrl } from '../../src/io/chain/open.ts';
import { RpcClient } from '../../src/io/chain/rpc.ts';
import type { ChainResult, ChainSource } from '../../src/io/chain/source.ts';
import { RegtestChain } from '../../src/io/regtest/chain.ts';
import type { BlockNode } from '../../src/io/regtest/consensus.ts';
import { Faucet } from '../../src/io/regtest/faucet.ts';
import { serveRegtest } from '../../src/io/regtest/server.ts';
import { AWAY, coinbaseOf, HOME, KEY, outputOf, PUBLIC, spend } from '../unit/io/regtest-kit.ts';
import { useLab } from './harness/lab.ts';

const lab = useLab(['bitcoind'], async () => ({}));

function must<T>(result: ChainResult<T>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

/** A client of the lab's bitcoind for the time of one test. */
async function withSource(run: (source: ChainSource) => Promise<void>): Promise<void> {
  const address = parseChainUrl(lab().lab.bitcoind.chainUrl, 'regtest');
  if (!address.ok) throw new Error(address.failure.message);
  const source = openChain(address.value);
  try {
    await run(source);
  } finally {
    source.close();
  }
}

/** A confirmed coin of HOME from the lab's wallet. */
async function coinOf(sats: number): Promise<{
  readonly outpoint: { readonly txid: ReturnType<typeof txId>; readonly vout: number };
  readonly amount: ReturnType<typeof sat>;
}> {
  const { bitcoind } = lab().lab;
  const name = await bitcoind.sendToAddress(encodeAddress(HOME, 'regtest') as string, sats);
  await bitcoind.mine(1);
  const { vout } = await bitcoind.transaction(name);
  const at = vout.findIndex((output) => output.scriptPubKey.hex === toHex(HOME));
  return { outpoint: { txid: parseTxId(name)!, vout: at }, amount: sat(BigInt(sats)) };
}

test('the client reads the chain of a real bitcoind', () =>
  withSource(async (source) => {
    const { bitcoind } = lab().lab;
    const status = must(await checkChain(source, 'regtest'));
    expect(status.tip.height).toBe(await bitcoind.height());
    expect(await checkChain(source, 'signet')).toMatchObject({ ok: false, failure: { code: 'WRONG_NETWORK' } });
    const block = must(await source.block(status.tip.hash));
    expect(block).toMatchObject({ height: status.tip.height, hash: status.tip.hash });
    expect(must(await source.header(status.tip.hash))?.time).toBe(block?.time);
    expect(equal(must(await source.blockHash(height(status.tip.height)))!, status.tip.hash)).toBe(true);
    expect(must(await source.blockHash(height(status.tip.height + 1)))).toBeNull();
    const unknown = parseBlockHash('12'.repeat(32))!;
    expect([must(await source.block(unknown)), must(await source.header(unknown))]).toEqual([null, null]);
    expect(must(await source.minFeerate())).toBeGreaterThan(0);
    expect(must(await source.feerate(6))).toBeNull();
  }));

test('the client broadcasts, finds and explains as bitcoind does', () =>
  withSource(async (source) => {
    const { bitcoind } = lab().lab;
    const coin = await coinOf(1_000_000);
    const found = { amount: coin.amount, script: HOME, height: await bitcoind.height() };
    expect(must(await source.output(coin.outpoint))).toEqual({ ...found, coinbase: false });
    expect(must(await source.unspent([HOME]))).toEqual([{ ...found, outpoint: coin.outpoint }]);

    const tx = spend([coin], { fee: 1_000 });
    expect(must(await source.testAccept(tx))).toEqual({ kind: 'accepted' });
    expect(must(await source.broadcast(tx))).toEqual({ kind: 'accepted' });
    expect(must(await source.testAccept(tx))).toEqual({ kind: 'known' });
    expect(must(await source.transaction(txId(tx)))).toMatchObject({ confirmed: null });
    expect(must(await source.mempool()).map(formatTxId)).toContain(formatTxId(txId(tx)));
    expect(must(await source.output(coin.outpoint))).not.toBeNull();
    expect(must(await source.broadcast(spend([coin], { fee: 1_010 })))).toMatchObject({ kind: 'rejected', why: 'conflict' });
    expect(must(await source.broadcast(spend([coin], { fee: 2_000 })))).toEqual({ kind: 'accepted' });
    const replaced = spend([coin], { fee: 2_000 });
    await bitcoind.mine(1);
    expect(must(await source.broadcast(replaced))).toEqual({ kind: 'known' });
    expect(must(await source.broadcast(tx))).toMatchObject({ kind: 'rejected', why: 'missing_inputs' });
    const known = must(await source.transaction(txId(replaced)));
    expect(known?.confirmed?.height).toBe(await bitcoind.height());
    expect(toHex(encodeTx(known!.tx))).toBe(toHex(encodeTx(replaced)));
    expect(must(await source.output(coin.outpoint))).toBeNull();
    const place = { height: height(await bitcoind.height()), txIndex: 1 };
    expect(formatTxId(must(await source.txidAt(place))!)).toBe(formatTxId(txId(replaced)));
    expect(must(await source.txidAt({ ...place, txIndex: 2 }))).toBeNull();
  }));

test('the cursor follows a real bitcoind through a reorganisation, woken by ZMQ', () =>
  withSource(async (source) => {
    const { bitcoind } = lab().lab;
    let wake = (): void => undefined;
    let next = new Promise<void>((resolve) => (wake = resolve));
    const stop = source.watchTip(() => wake());
    await next;
    let cursor = must(await cursorAt(source, height(90)));
    const run = async (): Promise<readonly string[]> => {
      const seen: string[] = [];
      for await (const event of follow(source, cursor)) {
        const { kind, block, cursor: after } = must(event);
        seen.push(`${kind} ${block.height}`);
        cursor = after;
      }
      return seen;
    };
    const tip = await bitcoind.height();
    expect(await run()).toHaveLength(tip - 90);
    await bitcoind.rpc('invalidateblock', [await bitcoind.rpc('getblockhash', [tip - 1])]);
    expect(await run()).toEqual([]);
    next = new Promise<void>((resolve) => (wake = resolve));
    await bitcoind.mine(3);
    await next;
    expect(await run()).toEqual([
      `disconnect ${tip}`,
      `disconnect ${tip - 1}`,
      `connect ${tip - 1}`,
      `connect ${tip}`,
      `connect ${tip + 1}`,
    ]);
    expect(toHex(cursorTip(cursor).hash)).toBe(toHex(must(await source.tip()).hash));
    stop();
  }));

test('waitfornewblock of a real bitcoind answers with the block after the one it is told', async () => {
  const { bitcoind } = lab().lab;
  const rpc = new RpcClient({
    host: '127.0.0.1',
    port: bitcoind.ports.rpc,
    auth: { kind: 'password', user: bitcoind.user, password: bitcoind.password },
  });
  const tip = await bitcoind.rpc('getbestblockhash');
  const waiting = rpc.call('waitfornewblock', [20_000, tip]);
  const [mined] = await bitcoind.mine(1);
  expect(must(await waiting)).toMatchObject({ kind: 'result', value: { hash: mined } });
  expect(must(await rpc.call('waitfornewblock', [20_000, tip]))).toMatchObject({ kind: 'result', value: { hash: mined } });
  rpc.close();
});

test('the built-in chain accepts every block of a real bitcoind', async () => {
  const { bitcoind } = lab().lab;
  const chain = new RegtestChain();
  for (let at = 1; at <= (await bitcoind.height()); at++) {
    const raw = await bitcoind.rpc<string>('getblock', [await bitcoind.rpc('getblockhash', [at]), 0]);
    const block = decodeBlock(fromHex(raw));
    expect(block.ok && chain.submitBlock(block.value)).toMatchObject({ ok: true });
  }
  expect(toHex(chain.tip.hash)).toBe(toHex(parseBlockHash(await bitcoind.rpc('getbestblockhash'))!));
});

test('a real bitcoind accepts every block of the built-in chain, and both judge the same transactions alike', async () => {
  const { bitcoind } = lab().lab;
  const chain = new RegtestChain();
  chain.mine((await bitcoind.height()) + 20, HOME);
  const kinds = scriptKinds();
  const to = kinds.map((kind): TxOutput => ({ script: kind.script, amount: sat(100_000n) }));
  const funding = spend([coinbaseOf(chain, 1)], { to: [...to, { script: HOME, amount: sat(4_900_000_000n) }] });
  expect(chain.submit(funding).ok).toBe(true);
  chain.mine(3, HOME);
  await replay(chain);

  const built = await serveRegtest({ chain, faucet: new Faucet(chain, KEY) });
  const rpc = new RpcClient({ host: built.host, port: built.port, auth: { kind: 'password', user: built.user, password: built.password } });
  const verdicts: { readonly name: string; readonly ours: unknown; readonly theirs: unknown }[] = [];
  for (const [name, tx] of candidates(chain, funding, kinds)) {
    const raw = toHex(encodeTx(tx));
    const answer = must(await rpc.call('testmempoolaccept', [[raw]]));
    const ours = answer.kind === 'result' ? (answer.value as Verdict[]) : [];
    const theirs = await bitcoind.rpc<Verdict[]>('testmempoolaccept', [[raw]]);
    verdicts.push({ name, ours: verdictOf(ours), theirs: verdictOf(theirs) });
    if (ours[0]?.allowed && name.startsWith('spend')) {
      expect(chain.submit(tx)).toEqual({ ok: true, value: 'accepted' });
      await bitcoind.rpc('sendrawtransaction', [raw]);
    }
  }
  rpc.close();
  await built.close();
  expect(verdicts.map(({ name, ours }) => [name, ours])).toEqual(verdicts.map(({ name, theirs }) => [name, theirs]));
  const template = chain.mine(1, HOME)[0] as BlockNode;
  expect(template.txs.length).toBeGreaterThan(kinds.length);
  // A rival branch with more work, its first block without any transactions.
  chain.mine(3, AWAY, chain.at(template.height - 1));
  await replay(chain);
  expect(await bitcoind.rpc('getbestblockhash')).toBe(toHex(chain.tip.hash.slice().reverse()));
  expect([...(await bitcoind.mempool())].sort()).toEqual(
    chain.mempool
      .list()
      .map((entry) => formatTxId(entry.txid))
      .sort(),
  );
});

/** Hands every block of the best branch to bitcoind; `null` is its yes. */
async function replay(chain: RegtestChain): Promise<void> {
  const { bitcoind } = lab().lab;
  for (let at = 1; at <= chain.tip.height; at++) {
    const node = chain.at(at) as BlockNode;
    const verdict = await bitcoind.rpc('submitblock', [toHex(encodeBlock({ header: node.header, txs: node.txs }))]);
    // A branch is `inconclusive` until it has the most work.
    expect([null, 'inconclusive', 'duplicate', 'duplicate-inconclusive']).toContain(verdict);
  }
  expect(await bitcoind.height()).toBe(chain.tip.height);
}

interface Verdict {
  readonly allowed: boolean;
  readonly 'reject-reason'?: string;
}

/** `allowed` or why not. Versions and flavours of bitcoind call some things by other words: here they are one. */
function verdictOf([verdict]: readonly Verdict[]): string {
  const reason = verdict?.['reject-reason'];
  if (verdict?.allowed === true || reason === undefined) return verdict?.allowed === true ? 'allowed' : 'no answer';
  if (reason.includes('script-verify-flag-failed')) return 'script';
  return reason.startsWith('dust') ? 'dust' : reason;
}

interface Kind {
  readonly name: string;
  readonly script: Bytes;
  readonly sign: (tx: Tx, spent: TxOutput) => readonly Bytes[];
  readonly sequence?: number;
}

function scriptKinds(): readonly Kind[] {
  const plain = script(PUBLIC, OP.CHECKSIG);
  const delayed = script(OP.IF, OP[0], OP.ELSE, scriptNumber(2), OP.CHECKSEQUENCEVERIFY, OP.DROP, PUBLIC, OP.ENDIF, OP.CHECKSIG);
  const leaf = script(xOnly(PUBLIC), OP.CHECKSIG);
  const root = tapLeafHash(leaf);
  const tree = taprootOutputKey(xOnly(PUBLIC), root)!;
  const ecdsa = (tx: Tx, code: Bytes, amount: bigint, hashType: number): Bytes =>
    witnessSignature(secp.sign(sighashV0({ tx, index: 0, scriptCode: code, amount: sat(amount), hashType }), KEY), hashType);
  const single = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;
  return [
    { name: 'P2WSH', script: p2wshScript(plain), sign: (tx, { amount }) => [ecdsa(tx, plain, amount, SIGHASH.ALL), plain] },
    { name: 'P2WSH SINGLE|ANYONECANPAY', script: p2wshScript(plain), sign: (tx, { amount }) => [ecdsa(tx, plain, amount, single), plain] },
    {
      name: 'P2WSH with a delay',
      script: p2wshScript(delayed),
      sign: (tx, { amount }) => [ecdsa(tx, delayed, amount, SIGHASH.ALL), new Uint8Array(0), delayed],
      sequence: 2,
    },
    {
      name: 'P2TR by key',
      script: bip86Script(PUBLIC),
      sign: (tx, spent) => signP2trInput({ tx, index: 0, prevouts: [spent], privateKey: KEY }),
    },
    {
      name: 'P2TR by script',
      script: p2trScript(tree.key),
      sign: (tx, spent) => [
        secp.schnorrSign(sighashTaproot({ tx, index: 0, prevouts: [spent], hashType: 0, leaf: { hash: root } }), KEY, new Uint8Array(32)),
        leaf,
        controlBlock({ internalKey: xOnly(PUBLIC), parity: tree.parity, path: [] }),
      ],
    },
  ];
}

/** Transactions to judge, good and bad, named; those whose name begins with `spend` are sent where they are good. */
function* candidates(chain: RegtestChain, funding: Tx, kinds: readonly Kind[]): Iterable<readonly [string, Tx]> {
  for (const [vout, kind] of kinds.entries()) {
    const { outpoint, amount } = outputOf(funding, vout);
    const at = (sequence: number): Tx => ({
      version: 2,
      inputs: [txInput(outpoint, sequence)],
      outputs: [{ script: AWAY, amount: sat(90_000n) }],
      locktime: 0,
    });
    const good = at(kind.sequence ?? 0xfffffffd);
    const spent = { script: kind.script, amount };
    yield [`${kind.name} over another amount`, withWitness(good, 0, kind.sign(good, { ...spent, amount: sat(amount - 1n) }))];
    yield [`${kind.name} without a witness`, good];
    if (kind.sequence !== undefined) {
      yield [`${kind.name} too early for its script`, withWitness(at(1), 0, kind.sign(at(1), spent))];
      yield [`${kind.name} too early for its lock`, withWitness(at(9), 0, kind.sign(at(9), spent))];
    }
    yield [`spend ${kind.name}`, withWitness(good, 0, kind.sign(good, spent))];
    yield [`spend ${kind.name} again`, withWitness(good, 0, kind.sign(good, spent))];
  }
  const coin = coinbaseOf(chain, 2);
  const data = opReturnScript(new Uint8Array(20));
  const out = (to: Bytes, amount: bigint): TxOutput => ({ script: to, amount: sat(amount) });
  yield ['no fee', spend([coin], { fee: 0 })];
  yield ['one below the floor', spend([coin], { fee: 109 })];
  yield ['the floor', spend([coin], { fee: 110 })];
  yield ['dust', spend([coin], { to: [out(AWAY, 293n), out(HOME, 4_999_000_000n)] })];
  yield ['the dust limit', spend([coin], { to: [out(AWAY, 294n), out(HOME, 4_999_000_000n)] })];
  yield ['data', spend([coin], { to: [out(data, 0n), out(HOME, 4_999_000_000n)] })];
  yield ['a strange script', spend([coin], { to: [out(new Uint8Array(20).fill(OP[1]), 5_000n), out(HOME, 4_999_000_000n)] })];
  yield ['version 4', spend([coin], { version: 4 })];
  yield ['a future lock time', spend([coin], { locktime: chain.tip.height + 1 })];
  yield ['a past lock time', spend([coin], { locktime: chain.tip.height })];
  yield ['a relative lock', spend([coin], { sequence: 10_000 })];
  yield ['an unknown input', spend([{ ...coin, outpoint: { ...coin.outpoint, vout: 5 } }])];
  yield ['a young coinbase', spend([coinbaseOf(chain, chain.tip.height - 98)])];
  yield ['a coinbase just old enough', spend([coinbaseOf(chain, chain.tip.height - 99)])];
  yield ['more than there is', spend([coin], { to: [out(AWAY, 5_000_000_001n)] })];
  const first = spend([coin], { fee: 1_000, sequence: 0xffffffff });
  yield ['spend a coin', first];
  yield ['a replacement that pays the same', spend([coin], { fee: 1_001 })];
  yield ['a replacement that pays too little more', spend([coin], { fee: 1_109 })];
  yield ['a replacement that pays enough', spend([coin], { fee: 1_110 })];
  const other = coinbaseOf(chain, 3);
  const parent = spend([other], { to: [out(HOME, 2_000_000_000n), out(HOME, 2_999_990_000n)] });
  yield ['spend with a child to come', parent];
  yield ['spend what is not confirmed', spend([outputOf(parent, 0)], { fee: 5_000 })];
  yield ['a replacement that pays less than parent and child', spend([other], { fee: 14_000 })];
  yield ['a replacement that adds an unconfirmed input', spend([coin, outputOf(parent, 1)], { fee: 100_000 })];
  yield ['a fee beyond all reason', spend([coinbaseOf(chain, 4)], { fee: 2_000_000 })];
}
