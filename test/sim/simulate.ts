// Whole nodes in a world that goes wrong, from one seed (DESIGN, "Everything replays from a seed"). What the world does:
//   - crashes between turns and at three points of one: before the commit, after it, and with half of the effects out;
//   - links that break at any message with some of what was on its way still arriving, that come twice, and that are dialled in vain;
//   - blocks one by one, several in one step, or all at once after a gap; transactions that confirm late or not in the rival block;
//     reorganisations of up to three blocks, some of them taken back; broadcasts that get lost and ones that the mempool refuses;
//   - users who open, pay (over hops, in parts, spontaneously, twice), hold, cancel, change fees and policies, close and force-close.
// What it leaves out:
//   - force closes of channels with HTLCs in the commitment, and so chains that grow past the expiry of an HTLC: claiming HTLCs on chain is not
//     yet the node's. HTLCs that were on their way and in no commitment when a channel was closed are in it.
//   - revoked commitments published by a peer: so are penalties. A node with an old state is in it, and must not publish.
//   - the phase `frozen`: only a bug leads there, and any bug fails its seed.
//   - reorganisations of more than three blocks, which would undo what channels and wallets take as final.
import type { FeatureName } from '../../src/bolt/wire/features.ts';
import { Users } from './actions.ts';
import { pump, resolveEverything } from './ending.ts';
import type { Scene } from './identity.ts';
import { CRASH_POINTS, type Planted, type SimNode } from './node.ts';
import { Rng } from './random.ts';
import { World } from './world.ts';

export interface SimOptions {
  readonly planted?: Planted;
  /** Prints what happens. */
  readonly trace?: (line: string) => void;
  /** So many times as many things happen before faults end. */
  readonly longer?: number;
  /** Script checks through bitcore-lib; by default for every 50th seed, because they are slow. */
  readonly interpreted?: boolean;
}

export interface SimReport {
  readonly seed: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly phases: ReadonlyMap<string, number>;
}

/** How to see a seed again. */
export const replayCommand = (seed: number, isLong: boolean): string =>
  `SIM_SEED=${seed} npx vitest run --project ${isLong ? 'simulation' : 'unit'} test/sim`;

/** A seed that ended in what must not be. */
export class SeedFailed extends Error {
  override readonly name = 'SeedFailed';
  readonly seed: number;

  constructor(seed: number, cause: Error, how: { readonly events: number; readonly isLong: boolean }) {
    super(
      `seed ${seed} failed after ${how.events} events: ${cause.message}\n  replay: ${replayCommand(seed, how.isLong)} (with SIM_TRACE=1 it tells each event)\n${cause.stack ?? ''}`,
    );
    this.seed = seed;
  }
}

/** How much goes wrong; drawn once for each seed, so that quiet and stormy runs both happen. */
interface Weather {
  readonly crash: number;
  readonly cut: number;
  readonly reorg: number;
  readonly lazy: number;
  /** How much users do. */
  readonly busy: number;
}

/** Runs one seed: whole nodes, faults, then the end in which everything must resolve. Throws SeedFailed. */
export function simulate(seed: number, options: SimOptions = {}): SimReport {
  const rng = new Rng(seed, 'simulation');
  let events = 0;
  const trace = options.trace;
  const shape = shapeOf(rng);
  const world = new World({
    rng,
    nodes: shape.nodes,
    without: new Set(shape.without),
    interpreted: options.interpreted ?? seed % 50 === 0,
    planted: options.planted ?? null,
    ...(shape.isNew ? {} : { from: readyScene(shape) }),
    trace: trace === undefined ? () => {} : (line) => trace(`${events} ${line()}`),
  });
  try {
    const users = new Users(world, pairsOf(world, shape));
    const weather: Weather = {
      crash: rng.pick([0, 0.01, 0.03, 0.08]),
      cut: rng.pick([0, 0.1, 0.4, 1.2]),
      reorg: rng.pick([0, 0.1, 0.3]),
      lazy: rng.pick([0.05, 0.3, 0.7]),
      busy: rng.pick([6, 10, 18]),
    };
    users.begin();
    const total = (options.longer ?? 1) * ((shape.isNew ? 160 : 80) + rng.below(80));
    for (; events < total; events++) happen(world, users, weather);
    resolveEverything(world, users, () => events++);
  } catch (error) {
    throw new SeedFailed(seed, error as Error, { events, isLong: (options.longer ?? 1) > 1 });
  }
  return { seed, counts: world.counts, phases: world.monitor.phases };
}

/** Who there is, who may have channels with whom, and what older peers lack. */
interface Shape {
  readonly nodes: number;
  readonly triangle: boolean;
  readonly without: readonly FeatureName[];
  /** New nodes; else such as have channels from an earlier run. */
  readonly isNew: boolean;
}

function shapeOf(rng: Rng): Shape {
  const without: FeatureName[] = [];
  if (rng.chance(0.5)) without.push('option_simple_close');
  if (rng.chance(0.25)) without.push('option_anchors');
  const nodes = rng.pick([2, 2, 3, 3, 3, 4]);
  return { nodes, triangle: nodes > 2 && rng.chance(0.5), without, isNew: rng.chance(0.3) };
}

/** A pair, a line, or a triangle, with a fourth one at its end. */
function pairsOf(world: World, { triangle }: Shape): readonly (readonly [SimNode, SimNode])[] {
  const [a, b, c, d] = world.nodes as [SimNode, SimNode, SimNode?, SimNode?];
  const pairs: (readonly [SimNode, SimNode])[] = [[a, b]];
  if (c !== undefined) pairs.push([b, c]);
  if (c !== undefined && triangle) pairs.push([a, c]);
  if (c !== undefined && d !== undefined) pairs.push([c, d]);
  return pairs;
}

const scenes = new Map<string, Scene>();

/** Nodes whose channels are open: opened once a process without any fault, the same for every seed. */
function readyScene(shape: Shape): Scene {
  const name = JSON.stringify(shape);
  const known = scenes.get(name);
  if (known !== undefined) return known;
  const rng = new Rng(0, name);
  const world = new World({ rng, nodes: shape.nodes, without: new Set(shape.without), interpreted: false, planted: null, trace: () => {} });
  world.faulty = false;
  const users = new Users(world, pairsOf(world, shape));
  users.begin();
  pump(world, () => {});
  for (const pair of [...users.pairs, ...users.pairs.slice(0, 1)]) {
    users.open(pair);
    pump(world, () => {});
    for (let i = 0; i < 7; i++) world.mine();
    pump(world, () => {});
  }
  const scene = world.scene();
  scenes.set(name, scene);
  return scene;
}

/** One thing happens. */
function happen(world: World, users: Users, weather: Weather): void {
  const { rng, network } = world;
  const waiting = network.waiting();
  const busy = world.up.filter((node) => node.inbox.length > 0);
  const behind = world.up.filter((node) => world.isBehind(node));
  const down = world.nodes.filter((node) => !node.isUp);
  const what = rng.weighted({
    deliver: waiting.length > 0 ? 30 : 0,
    turn: busy.length > 0 ? 40 : 0,
    dial: network.dials.length > 0 ? 10 : 0,
    act: weather.busy,
    blocks: behind.length > 0 ? 6 : 0,
    mine: 2.2,
    reorg: weather.reorg,
    pass: 2.5,
    cut: network.links.length > 0 ? weather.cut : 0,
    start: down.length > 0 ? 8 : 0,
    kill: world.up.length > 0 ? weather.crash * 3 : 0,
  });
  const events: Readonly<Record<typeof what, () => void>> = {
    deliver: () => deliver(world),
    turn: () => turn(world, rng.pick(busy), weather),
    dial: () => world.dial(() => rng.chance(0.9)),
    act: () => users.act(),
    blocks: () => world.feedBlocks(rng.pick(behind), rng.pick([1, 1, 2, 100])),
    mine: () => world.mine(() => !rng.chance(weather.lazy)),
    reorg: () => reorganise(world),
    pass: () => world.pass(rng.pick([1, 3, 10, 40, 70])),
    cut: () => world.cut(rng.pick(network.links)),
    start: () => world.start(rng.pick(down)),
    kill: () => world.kill(rng.pick(world.up)),
  };
  events[what]();
}

function turn(world: World, node: SimNode, weather: Weather): void {
  const { rng } = world;
  const count = rng.chance(0.6) ? node.inbox.length : rng.between(1, node.inbox.length);
  world.turn(node, count, rng.chance(weather.crash) ? rng.pick(CRASH_POINTS) : null);
}

/** Some blocks are replaced by others, with most of what was in them; now and then the old ones win after all. */
function reorganise(world: World): void {
  const { rng, chain } = world;
  const depth = rng.pick([1, 1, 2, 3]);
  const old = chain.tip;
  chain.reorganise(depth, () => rng.chance(0.7));
  world.count(`reorg ${depth}`);
  world.say(() => `reorganisation of ${depth} blocks`);
  if (rng.chance(0.3)) chain.returnTo(old);
}

function deliver(world: World): void {
  const { rng, network } = world;
  const way = rng.pick(network.waiting());
  for (let left = rng.between(1, 4); left > 0 && way.link.queues[way.end].length > 0; left--) {
    const text = network.deliver(way);
    world.say(() => text);
  }
}
