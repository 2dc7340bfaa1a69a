import type { JsonObject, Operation } from '../operation.ts';

/** Every operation by its name, loaded when it is asked for. */
export const OPERATIONS = {} as const;

export type OperationName = keyof typeof OPERATIONS;
export type ParamsOf<N extends OperationName> = JsonObject;
export type ResultOf<N extends OperationName> = JsonObject;
export async function findOperation(name: string): Promise<Operation | null> {
  return null;
}
