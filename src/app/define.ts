import type { NodeCommand, NodeFailure, NodeReply } from '../node/types.ts';
import { AppError, type ErrorCode, isErrorCode } from './error.ts';
import type { JsonObject, Operation, OperationContext } from './operation.ts';
import type { SchemaOf } from './schema.ts';

/** An operation whose parameters and result have the types of their schemas. */
export function defineOperation<P, R>(spec: {
  readonly name: string;
  readonly needs: Operation['needs'];
  readonly params: SchemaOf<P>;
  readonly result: SchemaOf<R>;
  run(context: OperationContext, params: P): Promise<R>;
}): Operation<P & JsonObject, R & JsonObject> {
  return spec as unknown as Operation<P & JsonObject, R & JsonObject>;
}

/** Submits a command and gives the reply of the kind that it has. Throws AppError where the node refuses. */
export async function commanded<K extends NodeReply['kind']>(
  { runtime }: Pick<OperationContext, 'runtime'>,
  command: NodeCommand,
  kind: K,
): Promise<Extract<NodeReply, { readonly kind: K }>> {
  const answer = await runtime.command(command);
  if (!answer.ok) throw refusal(answer.failure);
  if (answer.value.kind !== kind) throw new Error(`${command.kind} was answered with ${answer.value.kind}`);
  return answer.value as Extract<NodeReply, { readonly kind: K }>;
}

export function refusal(failure: NodeFailure): AppError {
  const code: ErrorCode = isErrorCode(failure.code) ? failure.code : 'POLICY';
  return new AppError({ code, message: failure.message, hint: failure.hint, details: failure.details });
}

export const notFound = (message: string, hint?: string): AppError => new AppError({ code: 'NOT_FOUND', message, hint });
export const usage = (message: string, hint?: string): AppError => new AppError({ code: 'USAGE', message, hint });
