import type { CommandId } from '../../base/ids.ts';
import { fail, type Result } from '../../base/result.ts';
import { prepareCommitments } from '../../bolt/channel/commit.ts';
import { batchOf, prune } from '../../node/persist.ts';
import { step } from '../../node/step.ts';
import type { NodeCommand, NodeEffect, NodeEnv, NodeFailure, NodeInput, NodeReply, NodeState, NodeStep } from '../../node/types.ts';
import type { Store } from '../../store/store.ts';

export interface LoopOptions {
  readonly state: NodeState;
  readonly store: Store;
  /** The world as it is now. */
  env(state: NodeState): NodeEnv;
  /** Carries out one effect; the commit that it belongs to is durable. Does not throw. */
  act(effect: NodeEffect): void;
  /** The step or its commit failed: nothing of it has left, and the process must end. */
  onFatal(error: Error): void;
}

interface Waiting {
  readonly input: NodeInput;
  readonly done: (() => void) | null;
}

/** So many inputs share a step and a commit at most, so that replies are not held back for ever under load. */
const MAX_BATCH = 1_000;

/** Commit, then act: drains what waits through `step`, writes what changed in one transaction, and only then lets effects out. */
export class Loop {
  #state: NodeState;
  readonly #options: LoopOptions;
  #queue: Waiting[] = [];
  #scheduled = false;
  #dead = false;
  #nextCommand = 1;
  readonly #replies = new Map<CommandId, (result: Result<NodeReply, NodeFailure>) => void>();
  readonly #watchers = new Set<(state: NodeState) => void>();
  #drained: (() => void)[] = [];

  constructor(options: LoopOptions) {
    this.#state = options.state;
    this.#options = options;
  }

  /** Of the last commit. */
  get state(): NodeState {
    return this.#state;
  }

  /** Queues an input; returns how many wait. After the end nothing is taken any more, and nobody is left waiting for it. */
  push(input: NodeInput, done: (() => void) | null = null): number {
    if (this.#dead) {
      done?.();
      return 0;
    }
    this.#queue.push({ input, done });
    this.#schedule();
    return this.#queue.length;
  }

  submit(input: NodeInput): Promise<void> {
    return new Promise((resolve) => this.push(input, resolve));
  }

  command(command: NodeCommand): Promise<Result<NodeReply, NodeFailure>> {
    if (this.#dead) return Promise.resolve(fail({ code: 'INTERRUPTED', message: 'the node is stopping' }));
    const id = this.#nextCommand++ as CommandId;
    return new Promise((resolve) => {
      this.#replies.set(id, resolve);
      this.push({ kind: 'command', id, command });
    });
  }

  /** Called with each committed state until `stop`. */
  watch(look: (state: NodeState) => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  whenDrained(run: () => void): void {
    this.#drained.push(run);
  }

  /** No more inputs are taken; resolves when what waited is committed. */
  async stop(): Promise<void> {
    while (!this.#dead) {
      await this.submit({ kind: 'tick' });
      // What came in the meantime is committed before the store may be closed.
      if (this.#queue.length === 0) this.#dead = true;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the poll phase: whatever the sockets brought in this turn is in the same step.
    setImmediate(() => void this.#turn());
  }

  async #turn(): Promise<void> {
    const batch = this.#queue.splice(0, MAX_BATCH);
    const before = this.#state;
    let stepped: NodeStep;
    try {
      const inputs = batch.map(({ input }) => input);
      stepped = step(before, inputs, this.#options.env(before));
      await this.#options.store.commit(batchOf(before, stepped.state, stepped.effects));
    } catch (error) {
      this.#dead = true;
      this.#options.onFatal(error as Error);
      return;
    }
    this.#state = stepped.state;
    for (const effect of stepped.effects) this.#act(effect);
    for (const look of [...this.#watchers]) look(this.#state);
    this.#state = prune(this.#state, before);
    for (const { done } of batch) done?.();
    this.#scheduled = false;
    if (this.#queue.length > 0) this.#schedule();
    else {
      for (const run of this.#drained.splice(0)) run();
      this.#prepare(before);
    }
  }

  /** While the peers write to their disks: what the next signatures need. After the messages have left, and unless something waits. */
  #prepare(before: NodeState): void {
    setImmediate(() => {
      if (this.#queue.length > 0 || this.#dead) return;
      const env = this.#options.env(this.#state);
      try {
        for (const [, channel] of this.#state.channels.changesSince(before.channels))
          if (channel !== undefined) prepareCommitments(channel, env);
      } catch {
        // It throws again in the step that needs it, where it is dealt with.
      }
    });
  }

  #act(effect: NodeEffect): void {
    if (effect.kind !== 'reply') {
      this.#options.act(effect);
      return;
    }
    this.#replies.get(effect.id)?.(effect.result);
    this.#replies.delete(effect.id);
  }
}
