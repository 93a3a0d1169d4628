// The JSON Schema for editors: checked in as generated, and complete.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonSchemaText, runFileJsonSchema } from '../../../../pipeline/files/json-schema.js';
import type { JsonSchemaNode } from '../../../../pipeline/files/json-schema.js';

const FILE = new URL('../../../../schemas/json-schema/run-file.schema.json', import.meta.url);

function undescribed(node: JsonSchemaNode, path: string): string[] {
  return [node, ...(node.anyOf ?? [])].flatMap((alternative) => [
    ...Object.entries(alternative.properties ?? {}).flatMap(([name, inner]) => {
      const described = inner.description !== undefined || inner.properties !== undefined || inner.type === 'array';
      return [...(described ? [] : [`${path}.${name}`]), ...undescribed(inner, `${path}.${name}`)];
    }),
    ...(alternative.items ? undescribed(alternative.items, `${path}[]`) : []),
  ]);
}

describe('the JSON Schema of the run file', () => {
  it('is checked in as it is generated: else run `npm run schemas`', async () => {
    expect(await readFile(FILE, 'utf8')).toBe(jsonSchemaText(runFileJsonSchema()));
  });

  it('describes every field', () => {
    expect(undescribed(runFileJsonSchema(), 'run')).toEqual([]);
  });

  it('demands only what has no default', () => {
    expect(runFileJsonSchema().required).toEqual(['name', 'model', 'corpus', 'activations']);
  });
});
