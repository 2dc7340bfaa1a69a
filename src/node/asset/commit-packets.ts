import { tapCommitmentScript, tapRoot } from '../../asset/commitment/tap-commitment.ts';
import { inputEntries, outputEntries, type PsbtKey } from '../../asset/packet/anchor-psbt.ts';
import type { PsbtMaps } from '../../asset/packet/psbt-map.ts';
import { packetId, transitionOfPacket } from '../../asset/packet/transition.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { must } from '../../base/assert.ts';
import { ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, sat, unixTime } from '../../base/units.ts';
import { fullPath } from '../../bitcoin/hd.ts';
import { type Tx, type TxOutput, txInput } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { RBF_SEQUENCE } from '../wallet/build.ts';
import type { Coin, Wallet, WalletKeys } from '../wallet/types.ts';
import { handOut } from '../wallet/wallet.ts';
import { type AnchorPackets, placedOf, preparePackets, versionOf } from './anchor-packets.ts';
import { type AssetInput, coinOf, type Funding, fundAnchor } from './anchor-tx.ts';
import { anchorSites, fitSums, type Placed, type Site } from './assemble.ts';
import { withLeases } from './lease.ts';
import { anchorKeyOf, blankOutput, inputOf, originOf } from './packet.ts';
import { inputsOf, reAnchor } from './transfer.ts';
import { ASSET_OUTPUT_SAT, type AssetState, type Holding, type Lease } from './types.ts';

export interface CommitPackets {
  /** Signed, and verified by the state machine. */
  readonly packets: AnchorPackets['packets'];
  /** null: no coins of ours, others pay. */
  readonly feerate: FeeratePerKw | null;
  /** Seconds for which the inputs are held back. */
  readonly leaseSeconds: number;
}

/** A transaction that waits for what others do to it, as it leaves. */
export interface Committed {
  /** What stood beside the inputs, moved along: signed packets of their own. */
  readonly passive: readonly VirtualPacket[];
  readonly psbt: PsbtMaps;
}

/**
 * Commits to signed packets in a transaction that is not signed: others may add inputs and outputs of theirs behind, as long as what is there stays.
 * Its inputs are held back, and its keys are never handed out again; nothing else is kept. Fails as `anchorPackets` does.
 */
export function commitPackets(
  state: AssetState,
  wallet: Wallet,
  env: NodeEnv,
  { packets, feerate, leaseSeconds }: CommitPackets,
): Result<{ readonly state: AssetState; readonly wallet: Wallet; readonly committed: Committed }, NodeFailure> {
  const prepared = preparePackets(state, env, packets);
  if (!prepared.ok) return prepared;
  const { read, active, beside, own, sites, home, draw } = prepared.value;
  const assetInputs = inputsOf(active);
  const request = { assetInputs, outputs: sites.length, height: env.height, leases: state.leases };
  const funded = feerate === null ? ok(unfunded(assetInputs, sites.length)) : fundAnchor(wallet, env.walletKeys, { ...request, feerate });
  if (!funded.ok) return funded;
  const { coins, change } = funded.value;
  const passive = beside.map((holding) => {
    const site = must(sites[home], 'an output of ours');
    return passivePacket(state, env, { holding, placed: { ...reAnchor(holding, env, draw), outputIndex: home }, site, like: packets[0] });
  });
  const placed = [...read.flatMap((each) => placedOf(each, own)), ...passive.map(({ placed: each }) => each)];
  const fits = fitSums(placed);
  if (!fits.ok) return fits;
  const psbt = psbtOf({ env, sites, placed, version: versionOf(packets), funding: funded.value });
  const expiresAt = unixTime(env.now + leaseSeconds);
  const lease = { purpose: 'packet', id: packetId(packets[0]), createdAt: env.now, expiresAt } as const;
  const leases = [...assetInputs.map(({ outPoint }) => outPoint), ...coins.map(({ outpoint }) => outpoint)].map(
    (outPoint): Lease => ({ ...lease, outPoint }),
  );
  return ok({
    state: withLeases({ ...state, nextKeyIndex: draw() }, leases),
    wallet: change === null ? wallet : handOut(wallet, env.walletKeys, change.path),
    committed: { passive: passive.map(({ packet }) => packet), psbt },
  });
}

const unfunded = (assetInputs: readonly AssetInput[], outputs: number): Funding => ({
  assetInputs,
  coins: [],
  firstPrevOut: must(assetInputs[0], 'an input').outPoint,
  leading: [],
  outputs,
  change: null,
  feeSat: sat(0),
  weight: 0,
});

/** What stands beside an input as a packet of its own: whoever publishes the transaction knows by it what else is in the output. */
function passivePacket(
  state: AssetState,
  env: NodeEnv,
  part: { readonly holding: Holding; readonly placed: Placed; readonly site: Site; readonly like: VirtualPacket },
): { readonly placed: Placed; readonly packet: VirtualPacket } {
  const { holding, placed, site, like } = part;
  const own = anchorKeyOf(must(site.internalKeyIndex ?? undefined, 'an output of ours'), env.walletKeys);
  const output = { ...blankOutput(placed.asset, placed.outputIndex), ...own, anchorInternalKey: site.internalKey };
  const inputs = [inputOf(state, holding, env.walletKeys)];
  const packet: VirtualPacket = { version: like.version, prefix: like.prefix, inputs, outputs: [output] };
  const again = transitionOfPacket(packet);
  if (!again.ok) throw new RangeError(again.failure.message);
  return { placed, packet };
}

/** BIP 174 and 371, unsigned: ours first, in the order of `Funding`. */
function psbtOf(part: {
  readonly env: NodeEnv;
  readonly sites: readonly Site[];
  readonly placed: readonly Placed[];
  readonly version: number | null;
  readonly funding: Funding;
}): PsbtMaps {
  const { env, sites, placed, funding } = part;
  const keys = env.walletKeys;
  const { assetInputs, coins, change } = funding;
  const built = anchorSites(placed, sites, { first: 0, version: part.version });
  const outputs: TxOutput[] = built.map(({ script }) => ({ amount: sat(ASSET_OUTPUT_SAT), script }));
  if (change !== null) outputs.push({ amount: change.amount, script: change.script });
  const inputs = [...assetInputs.map(coinOf), ...coins].map(({ outpoint }) => txInput(outpoint, RBF_SEQUENCE));
  const tx: Tx = { version: 2, inputs, outputs, locktime: env.height };
  const outputMaps = built.map(({ output: { content } }, i) => {
    const { internalKey, internalKeyIndex } = must(sites[i], 'an output');
    const whole = content.kind === 'assets' && content.sibling === null ? tapCommitmentScript(tapRoot(content.commitment)) : null;
    return outputEntries(assetKey(internalKeyIndex, keys) ?? { publicKey: internalKey, origin: null, isTaproot: true }, whole);
  });
  if (change !== null) outputMaps.push(outputEntries(walletKey(change.path, keys), null));
  return {
    tx,
    global: [],
    inputs: [
      ...assetInputs.map(({ output, internalKeyIndex, merkleRoot }) =>
        inputEntries({ spent: output, key: must(assetKey(internalKeyIndex, keys) ?? undefined, 'an output of ours'), merkleRoot }),
      ),
      ...coins.map(({ output, path }) => inputEntries({ spent: output, key: walletKey(path, keys), merkleRoot: null })),
    ],
    outputs: outputMaps,
  };
}

function assetKey(index: number | null, keys: WalletKeys): PsbtKey | null {
  if (index === null) return null;
  return { publicKey: keys.assetKey(index).publicKey, origin: originOf(index, keys), isTaproot: true };
}

const walletKey = (path: Coin['path'], keys: WalletKeys): PsbtKey => ({
  publicKey: keys.publicKey(path),
  origin: { masterFingerprint: keys.masterFingerprint, path: fullPath(path, keys.network) },
  isTaproot: path.account === 'p2tr',
});
