import type { CommandClass } from './command.ts';
import type { ArgSpecs, FlagSpecs } from './flags.ts';
import { allCommands, loadCommand } from './installation.ts';
import type { JsonObject, Schema } from './operation.ts';
import { errorSchema } from './schema.ts';

/** JSON Schemas of a command's words and of its output; of every command where none is named. */
export async function schemaOf(words: readonly string[]): Promise<JsonObject> {
  if (words.length > 0) return await describe(words);
  const all = await Promise.all(allCommands().map((name) => describe(name)));
  return { commands: all } as unknown as JsonObject;
}

async function describe(words: readonly string[]): Promise<JsonObject> {
  const command = await loadCommand(words);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    command: words.join(' '),
    summary: command.summary,
    args: argsSchema(command.args),
    flags: flagsSchema({ ...command.flags, ...command.baseFlags }),
    output: await outputSchema(command),
    error: { type: 'object', properties: { error: errorSchema }, required: ['error'], additionalProperties: false },
  } as unknown as JsonObject;
}

function argsSchema(args: ArgSpecs): Schema {
  const all = Object.entries(args);
  return {
    type: 'object',
    properties: Object.fromEntries(all.map(([name, { schema, description }]) => [name, { ...schema, description }])),
    required: all.filter(([, { required }]) => required).map(([name]) => name),
    additionalProperties: false,
  };
}

function flagsSchema(flags: FlagSpecs): Schema {
  const properties = Object.entries(flags).map(([name, { schema, summary }]) => [name, { ...schema, description: summary }]);
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

/** Any document may carry the warnings of its run. */
async function outputSchema(command: CommandClass): Promise<Schema> {
  const schema = await command.outputSchema();
  if (schema['type'] !== 'object') return schema;
  const warnings = { type: 'array', items: { type: 'string' } };
  return { ...schema, properties: { ...(schema['properties'] as object), warnings } };
}
