import { decodeTapAddress, type TapAddress } from '../../asset/address/address.ts';
import type { CourierScheme } from '../../asset/address/courier.ts';
import type { Asset } from '../../asset/asset.ts';
import { type LeafLocator, MAX_STEPS_BACK, type UniverseLeaf, walkBack } from '../../asset/courier.ts';
import { assetId } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { bytesSource } from '../../asset/proof/file.ts';
import { decodeProof, outPointOf } from '../../asset/proof/proof.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { OpenCourier } from '../../io/courier/courier.ts';
import { arrivalStatus, holdingKeyOf, isHere, sameOutPoint } from '../../node/asset/arrivals.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import { fileOf } from '../../node/asset/files.ts';
import type { FileParts } from '../../node/asset/history.ts';
import type { Arrival, ArrivalPart, AssetAddress, AssetState } from '../../node/asset/types.ts';
import { checkFile } from './check.ts';
import { type CustodyPorts, DONE, type Tried, withCourier } from './custody-ports.ts';
import { reproveHistories } from './reprove.ts';
import { storeHistory } from './take-in.ts';

/** Something that came to an address of ours, and whose proof is not here yet. */
export interface ReceiptJob {
  readonly address: AssetAddress;
  readonly arrival: Arrival;
}

export function receiptJobs(state: AssetState): readonly ReceiptJob[] {
  const jobs: ReceiptJob[] = [];
  for (const address of state.addresses.values())
    for (const arrival of address.arrivals) {
      const status = arrivalStatus(state, arrival);
      if (status === 'confirmed' || status === 'proof_received') jobs.push({ address, arrival });
    }
  return jobs;
}

/** Whom the address names. */
export function courierOf({ address }: ReceiptJob): string {
  const decoded = decodeTapAddress(address.text);
  return decoded.ok ? decoded.value.address.proofCourier : '';
}

export const receiptName = ({ arrival }: ReceiptJob): string => formatOutPoint(arrival.outPoint);

/**
 * Asks the courier for the proofs of all that arrived in one output, verifies every one of them wholly, and takes them in together. Nothing that
 * a courier says is believed: what does not hold is refused, and asked for again later.
 */
export async function receive(ports: CustodyPorts, { address, arrival }: ReceiptJob, signal: AbortSignal): Promise<Tried> {
  const decoded = decodeTapAddress(address.text);
  if (!decoded.ok) return decoded;
  const tap = decoded.value.address;
  if (await isReproved(ports, arrival, signal)) {
    const told = await ports.command({ kind: 'proved', script: address.script, outPoint: arrival.outPoint });
    return told.ok ? DONE : told;
  }
  return withCourier(ports, tap.proofCourier, async (courier, { scheme }) => {
    const files: FileParts[] = [];
    const locators: LeafLocator[] = [];
    for (const part of arrival.parts) {
      const locator = locatorOf(ports.state().assets, tap, arrival, part);
      const file = await fetchFile(courier, { newest: locator, kinds: KINDS_BY_SCHEME[scheme], signal });
      if (!file.ok) return file;
      const checked = await checkArrived(ports, { tap, arrival, part, file: file.value, signal });
      if (!checked.ok) return checked;
      files.push(checked.value);
      locators.push(locator);
    }
    const output = await ports.chain.output(arrival.outPoint);
    if (!output.ok) return output;
    const again = arrival.parts.every((part) => isHere(ports.state().assets, arrival, part));
    if (output.value === null && !again) return refused('SPENT', 'the output is spent already, and not by this wallet');
    const taken = await ports.command({ kind: 'import_files', files });
    if (!taken.ok) return taken;
    for (const locator of locators) {
      const told = await courier.received(locator);
      if (!told.ok) ports.log('debug', `the sender was not told that its proof came: ${told.failure.message}`);
    }
    return DONE;
  });
}

/** After a reorganisation what is here already needs no courier: its history is found in the blocks that have it now. */
async function isReproved(ports: CustodyPorts, arrival: Arrival, signal: AbortSignal): Promise<boolean> {
  const { assets } = ports.state();
  if (!arrival.parts.every((part) => isHere(assets, arrival, part))) return false;
  await reproveHistories(ports);
  const now = ports.state().assets;
  for (const part of arrival.parts) {
    const holding = now.holdings.get(holdingKeyOf(arrival, part));
    const file = holding === undefined ? null : fileOf(now, holding, (link) => ports.store.assetHistory(link));
    if (file === null || !file.ok) return false;
    const isKnownGroup = (key: Uint8Array): boolean => now.groups.has(key);
    const checked = await checkFile(bytesSource(file.value), { chain: ports.chain, isKnownGroup, signal });
    if (!checked.ok) return false;
  }
  return true;
}

const refused = (code: string, message: string): { readonly ok: false; readonly failure: TryFailure } => fail({ code, message });

function locatorOf(state: AssetState, tap: TapAddress, arrival: Arrival, part: ArrivalPart): LeafLocator {
  const groupKey = tap.groupKey ?? state.known.get(part.assetId)?.groupKey ?? null;
  return { assetId: part.assetId, groupKey, outPoint: arrival.outPoint, scriptKey: part.scriptKey };
}

/** What is fetched stands in memory until it is verified; a larger file comes by hand (`lnkit proof import`), read in pieces. */
const MAX_FETCHED = 64 * 1024 * 1024;
/** A courier that answers each question just in time does not keep us for days. */
const FETCH_MS = 900_000;

/** Walks back from the newest transition to the minting. */
export async function fetchFile(
  courier: OpenCourier,
  part: {
    readonly newest: LeafLocator;
    readonly kinds: readonly Kind[];
    readonly signal: AbortSignal;
    readonly mostBytes?: number;
    readonly mostMs?: number;
  },
): Promise<Result<Bytes, TryFailure>> {
  const { newest, kinds, signal, mostBytes = MAX_FETCHED, mostMs = FETCH_MS } = part;
  const fetched: Bytes[] = [];
  const begun = performance.now();
  let locator = newest;
  let size = 0;
  for (let step = 0; step <= MAX_STEPS_BACK; step++) {
    signal.throwIfAborted();
    const found = await find(courier, locator, kinds);
    if (!found.ok) return found;
    if (found.value === null)
      return refused(
        'NOT_FOUND',
        `the courier does not have the transition at ${formatOutPoint(locator.outPoint)}${step === 0 ? ' yet' : `, ${step} before the newest`}`,
      );
    if (!isAt(found.value, locator))
      return refused('PEER_ERROR', `the courier has another transition at ${formatOutPoint(locator.outPoint)}`);
    fetched.push(found.value);
    size += found.value.length;
    if (size > mostBytes) return refused('TOO_LARGE', `more than ${mostBytes} bytes of transitions: import the file by hand`);
    if (performance.now() - begun > mostMs) return refused('TIMEOUT', `no whole file after ${step + 1} transitions`);
    const next = walkBack(fetched);
    if (!next.ok) return next;
    if (next.value.kind === 'file') return ok(next.value.file);
    locator = next.value.locator;
  }
  return refused('TOO_LARGE', `more than ${MAX_STEPS_BACK} transitions`);
}

type Kind = UniverseLeaf['kind'];
/** Whether a transition is a minting, only a universe knows: it keeps the two apart. A hashmail gives all of a file at once, and waits for it. */
const KINDS_BY_SCHEME: { readonly [S in CourierScheme]: readonly Kind[] } = {
  hashmail: ['transfer'],
  universerpc: ['transfer', 'issuance'],
  'authmailbox+universerpc': ['transfer', 'issuance'],
};

async function find(courier: OpenCourier, locator: LeafLocator, kinds: readonly Kind[]): Promise<Result<Bytes | null, TryFailure>> {
  for (const kind of kinds) {
    const found = await courier.find(locator, kind);
    if (!found.ok || found.value !== null) return found;
  }
  return ok(null);
}

function isAt(raw: Bytes, { outPoint, scriptKey }: LeafLocator): boolean {
  const proof = decodeProof(raw);
  return proof.ok && sameOutPoint(outPointOf(proof.value), outPoint) && equal(xOnly(proof.value.asset.scriptKey), xOnly(scriptKey));
}

/** Verifies a file against the chain and against what arrived, and stores its history. */
async function checkArrived(
  ports: CustodyPorts,
  job: {
    readonly tap: TapAddress;
    readonly arrival: Arrival;
    readonly part: ArrivalPart;
    readonly file: Bytes;
    readonly signal: AbortSignal;
  },
): Promise<Result<FileParts, TryFailure>> {
  const { tap, arrival, part, signal } = job;
  const source = bytesSource(job.file);
  const isKnownGroup = (key: Uint8Array): boolean => [...ports.state().assets.groups.keys()].some((each) => sameGroup(each, key));
  const checked = await checkFile(source, { chain: ports.chain, isKnownGroup, signal });
  if (!checked.ok) return checked;
  const { asset, outPoint } = checked.value.snapshot;
  if (!sameOutPoint(outPoint, arrival.outPoint)) return refused('SPOOFED', 'the proof is of another output');
  const problem = mismatch(tap, part, asset);
  if (problem !== null) return refused('SPOOFED', problem);
  return ok(await storeHistory(ports.store, source, checked.value));
}

/** Why a verified asset is not what the address was promised, or null where it is. */
function mismatch(tap: TapAddress, part: ArrivalPart, asset: Asset): string | null {
  if (!equal(assetId(asset.genesis), part.assetId)) return 'the proof is of another asset';
  if (!equal(xOnly(asset.scriptKey), xOnly(part.scriptKey))) return 'the proof is of an asset of somebody else';
  if (asset.amount !== part.amount) return `the proof is of ${asset.amount} units, and not of ${part.amount}`;
  if (tap.version === 2 && tap.groupKey !== null && !sameGroup(asset.groupKey, tap.groupKey))
    return 'the asset is not of the group of the address';
  if (tap.assetId !== null && !equal(tap.assetId, part.assetId)) return 'the address is for another asset';
  return null;
}
