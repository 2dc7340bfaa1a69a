import { confirmProof } from '../../asset/proof/create.ts';
import { readFile, writeFile } from '../../asset/proof/file.ts';
import { decodeProof, encodeProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { proveTx } from '../../asset/proof/tx-merkle.ts';
import { nestedProofs } from '../../asset/proof/verify-file.ts';
import { type Bytes, toHex } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import { height } from '../../base/units.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { txId } from '../../bitcoin/tx.ts';
import { decodeWith } from '../../codec/codec.ts';
import type { ChainResult, ChainSource } from '../../io/chain/source.ts';
import type { AssetAction } from '../../node/asset/commands.ts';
import { type HistoryLink, historyCodec, type Linked, linkTo } from '../../node/asset/history.ts';
import { isHeld } from '../../node/asset/select.ts';
import type { Holding } from '../../node/asset/types.ts';
import type { NodeFailure, NodeReply, NodeState } from '../../node/types.ts';
import type { Store } from '../../store/store.ts';
import { refusal } from '../define.ts';
import { chainError } from '../node/chain-driver.ts';

/** The chain does not undo more than these: as many as the wallet calls final. */
const DEPTH = 144;

export interface ReprovePorts {
  state(): NodeState;
  command(action: AssetAction): Promise<Result<NodeReply, NodeFailure>>;
  readonly store: Pick<Store, 'assetHistory' | 'commit'>;
  readonly chain: ChainSource;
}

/**
 * The histories of assets that others sent us, as the chain has them: where a reorganisation moved their transactions to other blocks, headers and
 * merkle proofs are made anew from those. Our own transitions need none of this: they are made when they are asked for. Throws AppError.
 */
export async function reproveHistories(ports: ReprovePorts): Promise<void> {
  const { assets } = ports.state();
  const recent = new Recent(ports);
  for (const holding of assets.holdings.values()) {
    const { base } = holding;
    if (base.head === null && base.additionalHeads.length === 0) continue;
    // A spent one is the history of what came of it.
    if (!isHeld(assets, holding) && holding.spentBy === null) continue;
    await reprove(ports, recent, holding);
  }
}

async function reprove(ports: ReprovePorts, recent: Recent, holding: Holding): Promise<void> {
  const { base } = holding;
  const head = base.head === null ? null : await recent.moved(base.head);
  const others: Bytes[] = [];
  for (const each of base.additionalHeads) others.push((await recent.moved(each)) ?? each);
  if (head === null && others.every((each, i) => each === base.additionalHeads[i])) return;
  const to = { head: head ?? base.head, additionalHeads: others };
  const done = await ports.command({ kind: 'rebase', key: holding.key, from: base, to });
  if (!done.ok) throw refusal(done.failure);
}

/** What the chain says of its newest blocks, each asked for once. */
class Recent {
  readonly #ports: ReprovePorts;
  readonly #hashes = new Map<number, string>();
  readonly #moved = new Map<string, Bytes | null>();
  #tip: number | null = null;

  constructor(ports: ReprovePorts) {
    this.#ports = ports;
  }

  /** The link that says the same with the blocks of the chain as it is; null where nothing has moved. */
  async moved(link: Bytes): Promise<Bytes | null> {
    const name = toHex(link);
    const before = this.#moved.get(name);
    if (before !== undefined) return before;
    const made = await this.#move(link);
    this.#moved.set(name, made);
    return made;
  }

  async #move(link: Bytes): Promise<Bytes | null> {
    const floor = (await this.#height()) - DEPTH;
    // Newest first, up to one that is buried.
    const links: { readonly stored: HistoryLink; readonly proof: Proof }[] = [];
    const wanted = new Set<string>();
    let at: Bytes | null = link;
    for (; at !== null; at = links.at(-1)?.stored.before ?? null) {
      const stored = this.#read(at);
      const proof = decodeProof(stored.proof);
      if (!proof.ok) throw new RangeError(`a stored transition is damaged: ${proof.failure.message}`);
      if (proof.value.blockHeight < floor) break;
      links.push({ stored, proof: proof.value });
      for (const each of nestedProofs(proof.value)) if (!(await this.#isThere(each))) wanted.add(toHex(outPointOf(each).txid));
    }
    if (wanted.size === 0) return null;
    const places = await this.#find(wanted, floor);
    let linked: Pick<Linked, 'link' | 'length'> | null = at === null ? null : { link: at, length: this.#read(at).length };
    const rows: Linked['row'][] = [];
    for (const { stored, proof } of links.reverse()) {
      const next: Linked = linkTo(linked, isMoved(proof, places) ? encodeProof(placed(proof, places)) : stored.proof);
      rows.push(next.row);
      linked = next;
    }
    await this.#ports.store.commit({ rows, history: [] });
    return linked?.link ?? null;
  }

  #read(link: Bytes): HistoryLink {
    const stored = this.#ports.store.assetHistory(link);
    const read = stored === null ? null : decodeWith(historyCodec, stored);
    if (read === null || !read.ok) throw new RangeError('the store has lost a transition of an asset');
    return read.value;
  }

  async #height(): Promise<number> {
    this.#tip ??= said(await this.#ports.chain.tip()).height;
    return this.#tip;
  }

  async #isThere({ blockHeader, blockHeight }: Proof): Promise<boolean> {
    let hash = this.#hashes.get(blockHeight);
    if (hash === undefined) {
      const found = said(await this.#ports.chain.blockHash(height(blockHeight)));
      hash = found === null ? '' : toHex(found);
      this.#hashes.set(blockHeight, hash);
    }
    return hash === toHex(blockHash(blockHeader));
  }

  /** Where the transactions are now, those that no block has left out. */
  async #find(wanted: ReadonlySet<string>, floor: number): Promise<Places> {
    const found = new Map<string, Parameters<typeof confirmProof>[1]>();
    for (let at = await this.#height(); at >= Math.max(0, floor) && found.size < wanted.size; at--) {
      const hash = said(await this.#ports.chain.blockHash(height(at)));
      const block = hash === null ? null : said(await this.#ports.chain.block(hash));
      if (block === null) continue;
      const ids = block.txs.map(txId);
      for (const [index, id] of ids.entries())
        if (wanted.has(toHex(id))) found.set(toHex(id), { header: block.header, height: at, txMerkleProof: proveTx(ids, index) });
    }
    return found;
  }
}

type Places = ReadonlyMap<string, Parameters<typeof confirmProof>[1]>;

const placeOf = (proof: Proof, places: Places) => places.get(toHex(outPointOf(proof).txid));

const isMoved = (proof: Proof, places: Places): boolean => [...nestedProofs(proof)].some((each) => placeOf(each, places) !== undefined);

/** The proof in the block that has it now, and so those in the files of its further inputs. */
function placed(proof: Proof, places: Places): Proof {
  const additionalInputs = proof.additionalInputs.map((file) => {
    const read = readFile(file);
    if (!read.ok) return file;
    return writeFile(
      read.value.map((raw) => {
        const decoded = decodeProof(raw);
        return decoded.ok && isMoved(decoded.value, places) ? encodeProof(placed(decoded.value, places)) : raw;
      }),
    );
  });
  const place = placeOf(proof, places);
  return place === undefined ? { ...proof, additionalInputs } : confirmProof({ ...proof, additionalInputs }, place);
}

function said<T>(answer: ChainResult<T>): T {
  if (!answer.ok) throw chainError(answer.failure);
  return answer.value;
}

/** The same for an operation. */
export const portsOf = (runtime: {
  readonly state: NodeState;
  readonly store: Store;
  readonly chain: ChainSource | null;
  command(command: { readonly kind: 'asset'; readonly what: AssetAction }): Promise<Result<NodeReply, NodeFailure>>;
}): ReprovePorts => {
  if (runtime.chain === null) throw new RangeError('the operation needs the chain');
  const { chain, store } = runtime;
  return { state: () => runtime.state, command: (what) => runtime.command({ kind: 'asset', what }), store, chain };
};
