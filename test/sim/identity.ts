import { utf8 } from '../../src/base/bytes.ts';
import { height, unixTime } from '../../src/base/units.ts';
import { type HdKeys, hdKeys, type KeyPath, type WalletKeys } from '../../src/bitcoin/hd.ts';
import type { KeyManager } from '../../src/bolt/channel/types.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import type { BlockNode } from '../../src/io/regtest/consensus.ts';
import { batchOf, loadState } from '../../src/node/persist.ts';
import type { Wallet } from '../../src/node/wallet/types.ts';
import { connectBlock, newScript, newWallet } from '../../src/node/wallet/wallet.ts';
import { baseChain } from './chain.ts';
import { MemoryStore } from './store.ts';

export const NAMES = ['A', 'B', 'C', 'D'] as const;
export const START_TIME = 1_750_000_000;
/** Coins that each node starts with, and what lies above them so that all are mature. */
const COINS_EACH = 3;
const MATURITY = 100;

/** A node's keys. They are the same in every simulation, so that deriving them is paid once a process. */
export interface Identity {
  readonly name: string;
  readonly keys: KeyManager;
  readonly walletKeys: WalletKeys;
}

/** What outlives processes: the chain and the stores. */
export interface Scene {
  readonly best: readonly BlockNode[];
  readonly stores: readonly MemoryStore[];
}

export interface Base extends Scene {
  readonly identities: readonly Identity[];
}

let base: Base | null = null;

/** Four nodes with coins on a chain: what every simulation starts from. */
export function theBase(): Base {
  base ??= makeBase();
  return base;
}

function makeBase(): Base {
  const identities = NAMES.map(identity);
  const fresh = identities.map(({ walletKeys }) => {
    let wallet = newWallet(walletKeys);
    const scripts: Uint8Array[] = [];
    for (let i = 0; i < COINS_EACH; i++) {
      const next = newScript(wallet, walletKeys, i % 2 === 0 ? 'p2wpkh' : 'p2tr');
      wallet = next.wallet;
      scripts.push(next.script);
    }
    return { wallet, scripts };
  });
  const best = baseChain(
    fresh.flatMap(({ scripts }) => scripts),
    MATURITY,
    START_TIME,
  );
  const wallets = fresh.map(({ wallet }, i) =>
    best.slice(1).reduce(
      (now, node) =>
        connectBlock(now, (identities[i] as Identity).walletKeys, {
          height: height(node.height),
          time: unixTime(node.header.time),
          txs: node.txs,
        }),
      wallet,
    ),
  );
  const cursor = best.slice(-20).map((node) => ({ height: height(node.height), hash: node.hash }));
  const stores = identities.map(({ keys, walletKeys }, i) => {
    const store = new MemoryStore();
    const empty = loadState(store.load(), { network: 'regtest', keys, walletKeys });
    if (!empty.ok) throw new Error(empty.failure.message);
    store.commit(batchOf(empty.value, { ...empty.value, wallet: wallets[i] as Wallet, cursor }, []));
    return store;
  });
  return { identities, best, stores };
}

function identity(name: string): Identity {
  const keys = hdKeys(sha256(utf8(`simulated node ${name}`)), 'regtest');
  return { name, keys: remember(keys), walletKeys: rememberWallet(keys.wallet) };
}

function remember(keys: HdKeys): KeyManager {
  const known = new Map<number, ReturnType<KeyManager['channelSecrets']>>();
  return {
    nodeId: keys.nodeId,
    nodeSecret: keys.nodeSecret,
    channelSecrets(index) {
      const secrets = known.get(index) ?? keys.channelSecrets(index);
      known.set(index, secrets);
      return secrets;
    },
  };
}

function rememberWallet(keys: WalletKeys): WalletKeys {
  const once = <T>(derive: (path: KeyPath) => T): ((path: KeyPath) => T) => {
    const known = new Map<string, T>();
    return (path) => {
      const name = `${path.account}/${path.chain}/${path.index}`;
      let value = known.get(name);
      if (value === undefined) {
        value = derive(path);
        known.set(name, value);
      }
      return value;
    };
  };
  return {
    ...keys,
    script: once((path) => keys.script(path)),
    publicKey: once((path) => keys.publicKey(path)),
    privateKey: once((path) => keys.privateKey(path)),
  };
}
