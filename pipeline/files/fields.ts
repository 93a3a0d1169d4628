// A file's plain data by path, with the defaults of its schema: what rules read.
import { type JsonSchemaNode, nodeAt } from './json-schema.js';
import type { FieldPath } from './problem.js';
import { valueAt } from './shape-findings.js';

/** A file's plain data with defaults, by path. */
export interface Fields {
  get(...path: FieldPath): unknown;
  number(...path: FieldPath): number | null;
  text(...path: FieldPath): string | null;
  list(...path: FieldPath): readonly unknown[];
}

/** Fields with the schema's defaults filled in. */
export function fieldsOf({ value, schema }: { readonly value: unknown; readonly schema: JsonSchemaNode }): Fields {
  const get = (...path: FieldPath): unknown => valueAt(value, path) ?? nodeAt(schema, path)?.default;
  return {
    get,
    number: (...path) => {
      const found = get(...path);
      return typeof found === 'number' && Number.isFinite(found) ? found : null;
    },
    text: (...path) => {
      const found = get(...path);
      return typeof found === 'string' ? found : null;
    },
    list: (...path) => {
      const found = get(...path);
      return Array.isArray(found) ? (found as readonly unknown[]) : [];
    },
  };
}
