// Nodes with custodians, a universe that may lie or be away, and a mailbox, on the small chain of `asset-kit.ts`.
import { Custodian } from '../../../../src/app/asset/custodian.ts';
import type { CustodyPorts, KeepingUniverse } from '../../../../src/app/asset/custody-ports.ts';
import type { LeafLocator, UniverseLeaf } from '../../../../src/asset/courier.ts';
import { type Bytes, equal, toHex } from '../../../../src/base/bytes.ts';
import type { BlockHash } from '../../../../src/base/ids.ts';
import { fail, ok, type Result } from '../../../../src/base/result.ts';
import { type Height, height, unixTime } from '../../../../src/base/units.ts';
import { blockHash } from '../../../../src/bitcoin/block.ts';
import { xOnly } from '../../../../src/bitcoin/taproot.ts';
import { formatOutPoint, txId } from '../../../../src/bitcoin/tx.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { ChainBlock, ChainSource } from '../../../../src/io/chain/source.ts';
import type { OpenCourier } from '../../../../src/io/courier/courier.ts';
import type { UniverseFailure } from '../../../../src/io/universe/contract.ts';
import type { Mailbox, MailboxMessage } from '../../../../src/io/universe/mailbox-contract.ts';
import type { AssetAction } from '../../../../src/node/asset/commands.ts';
import type { NodeState } from '../../../../src/node/types.ts';
import type { AssetChain, AssetNode } from '../../node/asset-kit.ts';

export const COURIER = 'universerpc://127.0.0.1:10029';
export const MAILBOX = 'authmailbox+universerpc://127.0.0.1:10029';

const away: UniverseFailure = { code: 'UNREACHABLE', message: 'nobody answers' };
const keyOf = ({ outPoint, scriptKey }: Pick<LeafLocator, 'outPoint' | 'scriptKey'>): string =>
  `${formatOutPoint(outPoint)} ${toHex(xOnly(scriptKey))}`;

/** A universe server with a mailbox beside it: it takes a transition only after the one before, as servers do. */
export class FakeServer implements OpenCourier, Mailbox {
  isAway = false;
  /** What it answers instead of what it has. */
  lie: ((raw: Bytes) => Bytes) | null = null;
  readonly leaves = new Map<string, UniverseLeaf>();
  readonly messages = new Map<string, { readonly receiver: Bytes; readonly message: MailboxMessage }>();
  readonly calls: string[] = [];
  #listeners: ((receiver: Bytes, message: MailboxMessage) => void)[] = [];
  #nextId = 1n;

  async check(): Promise<Result<null, UniverseFailure>> {
    return this.isAway ? fail(away) : ok(null);
  }
  async deliver(leaves: readonly UniverseLeaf[]): Promise<Result<null, UniverseFailure>> {
    this.calls.push('deliver');
    for (const leaf of leaves) {
      if (this.isAway) return fail(away);
      this.leaves.set(`${leaf.kind} ${keyOf(leaf)}`, leaf);
    }
    return ok(null);
  }
  async find(locator: LeafLocator, kind: UniverseLeaf['kind']): Promise<Result<Bytes | null, UniverseFailure>> {
    this.calls.push('find');
    if (this.isAway) return fail(away);
    const found = this.leaves.get(`${kind} ${keyOf(locator)}`)?.proof ?? null;
    return ok(found === null || this.lie === null ? found : this.lie(found));
  }
  async received(): Promise<Result<null, UniverseFailure>> {
    return ok(null);
  }
  close(): void {}

  async send({ receiverKey, encryptedPayload, proof }: Parameters<Mailbox['send']>[0]): Promise<Result<bigint, UniverseFailure>> {
    if (this.isAway) return fail(away);
    const place = formatOutPoint(proof.outPoint);
    const there = this.messages.get(place);
    if (there !== undefined) return ok(there.message.id);
    return ok(this.put(place, receiverKey, encryptedPayload));
  }
  put(place: string, receiver: Bytes, encryptedPayload: Bytes): bigint {
    const message = { id: this.#nextId++, encryptedPayload, arrivedAt: 0 };
    this.messages.set(place, { receiver, message });
    for (const tell of this.#listeners) tell(receiver, message);
    return message.id;
  }
  async receive({ receiverKey, sign, onMessages, signal }: Parameters<Mailbox['receive']>[0]): Promise<Result<null, UniverseFailure>> {
    if (this.isAway) return fail(away);
    const challenge = sha256(receiverKey);
    if (!secp.schnorrVerify(sign(challenge), challenge, xOnly(receiverKey))) return fail({ code: 'REFUSED', message: 'not the key' });
    const mine = [...this.messages.values()].filter(({ receiver }) => equal(receiver, receiverKey));
    if (mine.length > 0) onMessages(mine.map(({ message }) => message));
    const tell = (receiver: Bytes, message: MailboxMessage): void => {
      if (equal(receiver, receiverKey)) onMessages([message]);
    };
    this.#listeners.push(tell);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#listeners = this.#listeners.filter((each) => each !== tell);
    return ok(null);
  }
  async remove({ ids }: Parameters<Mailbox['remove']>[0]): Promise<Result<null, UniverseFailure>> {
    for (const [place, { message }] of this.messages) if (ids.includes(message.id)) this.messages.delete(place);
    return ok(null);
  }
}

/** A node of `asset-kit.ts` with a custodian. A restart leaves it what was committed. */
export class Keeper {
  readonly node: AssetNode;
  readonly server: FakeServer;
  /** Ends the process in front of this command: nothing of it is committed. */
  crashBefore: AssetAction['kind'] | null = null;
  readonly commands: AssetAction['kind'][] = [];
  readonly log: string[] = [];
  universe: KeepingUniverse | null = null;
  /** Others than the one server, by their hosts. */
  readonly couriers = new Map<string, OpenCourier>();
  readonly #watchers = new Set<(state: NodeState) => void>();
  custodian: Custodian;

  constructor(node: AssetNode, server: FakeServer) {
    this.node = node;
    this.server = server;
    this.custodian = new Custodian(this.#ports(), { lookMs: 20 });
  }

  /** Everything that waits is tried. */
  async work(pauses: 'kept' | 'skipped' = 'skipped'): Promise<void> {
    await this.custodian.once({ signal: new AbortController().signal, pauses });
  }
  restart(): void {
    this.crashBefore = null;
    this.node.restart();
    this.custodian = new Custodian(this.#ports(), { lookMs: 20 });
  }
  /** Lets the committed state be looked at, as a loop does after each commit. */
  tell(): void {
    for (const look of this.#watchers) look(this.node.state);
  }

  #ports(): CustodyPorts {
    const { node, server } = this;
    return {
      state: () => node.state,
      env: () => node.env(),
      command: async (what) => {
        this.commands.push(what.kind);
        if (this.crashBefore === what.kind) throw new Error('the process ends here');
        const reply = node.ask(what);
        this.tell();
        return typeof reply === 'string' ? fail({ code: 'POLICY', message: reply }) : ok(reply);
      },
      store: {
        assetHistory: (link) => node.history.get(toHex(link)) ?? null,
        commit: async ({ rows }) => {
          for (const { key, blob } of rows) if (blob !== null) node.history.set(toHex(key), blob);
        },
      },
      chain: chainOf(node.chain),
      watch: (look) => {
        this.#watchers.add(look);
        return () => this.#watchers.delete(look);
      },
      openCourier: async ({ host }) => this.couriers.get(host) ?? server,
      openMailbox: async () => server,
      universe: async () => this.universe,
      log: (level, text) => void this.log.push(`${level} ${text}`),
    };
  }
}

/** The small chain as a backend, as far as a custodian asks it. */
export function chainOf(chain: AssetChain): ChainSource {
  const at = (place: Height): ChainBlock | null => {
    const block = chain.blocks[place - 1];
    if (block === undefined) return null;
    const { header, txs } = block;
    return { height: place, hash: blockHash(header), prevHash: header.previous, header, time: unixTime(header.time), txs };
  };
  const byHash = (hash: BlockHash): ChainBlock | null => {
    const index = chain.blocks.findIndex(({ header }) => equal(blockHash(header), hash));
    return index < 0 ? null : at(height(index + 1));
  };
  const part: Partial<ChainSource> = {
    tip: async () => ok({ height: height(chain.blocks.length), hash: chain.tip }),
    blockHash: async (place) => ok(at(place)?.hash ?? null),
    header: async (hash) => ok(byHash(hash)?.header ?? null),
    block: async (hash) => ok(byHash(hash)),
    output: async ({ txid, vout }) => {
      const all = chain.blocks.flatMap(({ txs }) => txs);
      const spent = all.some(({ inputs }) => inputs.some(({ prevout }) => equal(prevout.txid, txid) && prevout.vout === vout));
      const output = all.find((tx) => equal(txId(tx), txid))?.outputs[vout];
      return ok(spent || output === undefined ? null : { ...output, height: height(1), coinbase: false });
    },
  };
  return part as ChainSource;
}
