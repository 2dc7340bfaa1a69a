import type { OperationName, ParamsOf, ResultOf } from './api/index.ts';
import { callOperation } from './call.ts';
import { type CommandClass, type CommandContext, defineCommand } from './command.ts';
import { exitCodeOf, isErrorCode } from './error.ts';
import type { ArgSpecs, FlagSpecs } from './flags.ts';
import type { JsonObject, Schema } from './operation.ts';
import type { Style } from './view/style.ts';

/** A command that is one operation: how its words become parameters, and how people see the result. */
export interface OperationCommand<N extends OperationName, F extends FlagSpecs, A extends ArgSpecs> {
  readonly operation: N;
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly flags?: F;
  readonly args?: A;
  params(input: Pick<CommandContext<F, A>, 'flags' | 'args'>): ParamsOf<N> | Promise<ParamsOf<N>>;
  /** A part of the result that is the document, where the result only wraps it. */
  readonly unwrap?: keyof ResultOf<N> & string;
  view(result: ResultOf<N>, style: Style, input: Pick<CommandContext<F, A>, 'flags' | 'args'>): string;
  /** What else is shown to a person, on stderr. */
  after?(result: ResultOf<N>, input: Pick<CommandContext<F, A>, 'flags' | 'args'>): Promise<void>;
}

/** The class of such a command. It runs in the daemon where there is one, else it is the node itself. */
export function operationCommand<
  N extends OperationName,
  const F extends FlagSpecs = Record<never, never>,
  const A extends ArgSpecs = Record<never, never>,
>(spec: OperationCommand<N, F, A>): CommandClass {
  return defineCommand<F, A>({
    ...about(spec),
    output: () => outputOf(spec.operation, spec.unwrap ?? null),
    async run(context) {
      const params = await spec.params(context);
      const result = await callOperation(spec.operation, params, {
        settings: context.settings,
        signal: context.signal,
        progress: (text, of) => context.progress.step(text, of),
        emit: (item) => context.emit(item, () => JSON.stringify(item)),
      });
      exitByStatus(context, result as JsonObject);
      context.progress.done();
      await spec.after?.(result, context);
      const { safe_offline_until_height: until, ...rest } = result as JsonObject;
      const json =
        spec.unwrap === undefined ? (result as JsonObject) : { ...((result as JsonObject)[spec.unwrap] as JsonObject), ...safety(until) };
      const note = typeof until === 'number' ? `\n${context.style.dim(`safe to be offline until block ${until}`)}` : '';
      return { json, text: () => `${spec.view(rest as ResultOf<N>, context.style, context)}${note}` };
    },
  });
}

const safety = (until: unknown): JsonObject => (typeof until === 'number' ? { safe_offline_until_height: until } : {});

function about<F extends FlagSpecs, A extends ArgSpecs>(spec: {
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly flags?: F;
  readonly args?: A;
}) {
  const { summary, description, examples, flags, args } = spec;
  return {
    summary,
    ...(description === undefined ? {} : { description }),
    ...(examples === undefined ? {} : { examples }),
    ...(flags === undefined ? {} : { flags }),
    ...(args === undefined ? {} : { args }),
  };
}

/** A result that is whole and yet tells of a failure (a payment that is not settled) carries `error`. */
function exitByStatus(context: Pick<CommandContext, 'exitWith'>, result: JsonObject): void {
  const error = result['error'] as JsonObject | undefined;
  if (error !== undefined && isErrorCode(error['code'])) context.exitWith(exitCodeOf(error['code']));
}

/** The schema of the JSON on stdout: that of the result, and what a one-shot run adds. */
async function outputOf(name: OperationName, unwrap: string | null): Promise<Schema> {
  const { findOperation } = await import('./api/index.ts');
  const operation = await findOperation(name);
  if (operation === null) throw new Error(`there is no operation ${name}`);
  const result = operation.result as { readonly properties: { readonly [key: string]: Schema } };
  const document = (unwrap === null ? result : result.properties[unwrap]) as Schema;
  const properties = { ...(document['properties'] as object), safe_offline_until_height: { type: ['integer', 'null'], minimum: 0 } };
  return { ...document, properties };
}

/** Only what was given: an absent flag is an absent parameter. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
