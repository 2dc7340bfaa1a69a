import type { Schema } from '../operation.ts';
import { choice, count, errorSchema, flag, list, object, text } from '../schema.ts';

const step = object({ step: count(), name: text(), ok: flag(), text: text(), duration_ms: count() });

/** A line of `lnkit demo --json`: a step (with the facts that it is about), the end of the story, or the directory that was kept. */
export const demoSchema: Schema = {
  anyOf: [
    { ...step, additionalProperties: true },
    object({ name: choice(['end']), ok: flag(), text: text(), duration_ms: count() }),
    object({ name: choice(['kept']), directory: text(), commands: list(text()) }),
    object({ error: errorSchema }),
  ],
};
