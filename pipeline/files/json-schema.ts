// The JSON Schema of the run file, for editors and for the messages of the loader. Derived from schemas/run-file.ts.
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { runFile } from '../../schemas/run-file.js';

/** The part of JSON Schema that the run file's schema makes use of. */
export interface JsonSchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
}

/** JSON Schema (draft 2020-12) of the run file as a user may write it. */
export function runFileJsonSchema(): JsonSchemaNode {
  return (made ??= fileJsonSchema(runFile, 'Assay run file'));
}

/** Made once: a suite judges a thousand files by it. */
let made: JsonSchemaNode | null = null;

/** JSON Schema of a configuration file: fields with a default are optional; `$schema` is allowed. */
export function fileJsonSchema(shape: z.ZodType, title: string): JsonSchemaNode {
  const { $schema, ...rest } = z.toJSONSchema(shape, { io: 'input' }) as JsonSchemaNode & {
    $schema: string;
  };
  const own = {
    $schema: {
      type: 'string',
      description: 'address of this schema, for editors; has no meaning for the run',
    },
  };
  return {
    $schema,
    title,
    ...rest,
    properties: { ...own, ...rest.properties },
  } as JsonSchemaNode;
}

/** The text of a schema file as it is checked in. */
export function jsonSchemaText(schema: JsonSchemaNode): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Writes a schema file; `schemas/json-schema/run-file.schema.json` and its neighbours in this project. */
export async function writeJsonSchema(path: string, schema: JsonSchemaNode): Promise<void> {
  await writeFile(path, jsonSchemaText(schema));
}

/** The schema node that describes the field at `path`; null where there is none. Looks into every alternative. */
export function nodeAt(root: JsonSchemaNode, path: readonly (string | number)[]): JsonSchemaNode | null {
  let nodes: readonly JsonSchemaNode[] = [root];
  for (const part of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const next = typeof part === 'number' ? node.items : node.properties?.[part];
      return next === undefined ? [] : [next];
    });
  }
  return nodes.find((node) => node.description !== undefined) ?? nodes[0] ?? null;
}

/** Keys that a mapping at this node may have. */
export function keysOf(node: JsonSchemaNode | null): string[] {
  if (node === null) return [];
  return [...new Set(alternatives(node).flatMap((alternative) => Object.keys(alternative.properties ?? {})))];
}

/** Paths (without list indices) of all fields whose last part is `key`. */
export function fieldsNamed(root: JsonSchemaNode, key: string, above: readonly string[] = []): string[] {
  return alternatives(root).flatMap((node) => [
    ...Object.entries(node.properties ?? {}).flatMap(([name, inner]) => [
      ...(name === key ? [[...above, name].join('.')] : []),
      ...fieldsNamed(inner, key, [...above, name]),
    ]),
    ...(node.items ? fieldsNamed(node.items, key, above) : []),
  ]);
}

function alternatives(node: JsonSchemaNode): readonly JsonSchemaNode[] {
  return node.anyOf === undefined ? [node] : [node, ...node.anyOf.flatMap(alternatives)];
}
