import { bytesMap } from '../../base/bytes-map.ts';
import type { TxId } from '../../base/ids.ts';
import { type Height, type Sat, sat, type UnixTime } from '../../base/units.ts';
import { outPointCodec, txCodec, txOutputCodec } from '../../bitcoin/tx.ts';
import type { TxLabel } from '../../bolt/channel/types.ts';
import { bigsizeNumber, bool, bytes, type Codec, list, map, nullable, struct, u32, u64 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { oneOf } from '../../codec/stored.ts';
import { type ChainCursor, type ChainCursors, type Coin, type KeyPath, outPointKey, type WalletDurable, type WalletTx } from './types.ts';

// Version 1 of the stored wallet. The order in `oneOf` is part of the format.

const amount: Codec<Sat> = map(u64, sat, (value) => value);
const heightCodec: Codec<Height> = u32 as Codec<number> as Codec<Height>;
const time: Codec<UnixTime> = u32 as Codec<number> as Codec<UnixTime>;
const id: Codec<TxId> = bytes<TxId>(32);
const LABELS: readonly TxLabel[] = ['funding', 'closing', 'commitment', 'sweep', 'anchor', 'htlc', 'penalty', 'spend', 'asset'];

const cursor: Codec<ChainCursor> = struct({ next: u32, used: u32 });
const cursors: Codec<ChainCursors> = struct({
  p2tr: struct({ receive: cursor, change: cursor }),
  p2wpkh: struct({ receive: cursor, change: cursor }),
});
const path: Codec<KeyPath> = struct({
  account: oneOf('p2tr', 'p2wpkh'),
  chain: oneOf('receive', 'change'),
  index: u32,
});
const coin: Codec<Coin> = struct({
  outpoint: outPointCodec,
  output: txOutputCodec,
  path,
  height: nullable(heightCodec),
  coinbase: bool,
  spentBy: nullable(id),
});
const entry: Codec<WalletTx> = struct({
  txid: id,
  tx: nullable(txCodec),
  height: nullable(heightCodec),
  seenAt: time,
  received: amount,
  spent: amount,
  fee: nullable(amount),
  label: nullable(oneOf(...LABELS)),
  replaces: nullable(id),
});
const version1 = struct({ cursors, coins: list(bigsizeNumber, coin), txs: list(bigsizeNumber, entry) });

/** The durable part of the wallet behind a version byte; `restoreWallet` makes a wallet of what is read. */
export const walletCodec: Codec<WalletDurable> = {
  write(to, wallet) {
    to.u8(1);
    version1.write(to, { cursors: wallet.cursors, coins: [...wallet.coins.values()], txs: [...wallet.txs.values()] });
  },
  read(from) {
    const version = from.u8();
    if (version !== 1) throw new CodecError(`wallet of version ${version}`);
    const read = version1.read(from);
    return {
      cursors: read.cursors,
      coins: bytesMap(read.coins.map((each) => [outPointKey(each.outpoint), each] as const)),
      txs: bytesMap(read.txs.map((each) => [each.txid, each] as const)),
    };
  },
};
