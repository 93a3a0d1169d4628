// The operator table against the schemas of ONNX and ONNX Runtime (operator-schemas.json, made by make_schemas.py).
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OPERATORS, type OperatorName } from '../../../core/onnx/operators/table.js';

interface Schema {
  readonly inputs: readonly [number, number];
  readonly outputs: readonly [number, number];
  readonly attributes: Readonly<Record<string, string>>;
}
const file = new URL('operator-schemas.json', import.meta.url);
const { operators } = JSON.parse(readFileSync(file, 'utf8')) as {
  operators: Record<string, Schema>;
};
/** What schemas write for "any number". */
const MANY = 2_147_483_647;

/** Forms of opsets before 13, which rows read as well: attributes that became inputs, and so fewer inputs. */
const OLDER: Partial<Record<OperatorName, { attributes: readonly string[]; inputs?: number }>> = {
  Clip: { attributes: ['min', 'max'] },
  Dropout: { attributes: ['ratio', 'is_test'] },
  Pad: { attributes: ['pads', 'value'], inputs: 1 },
  Slice: { attributes: ['starts', 'ends', 'axes'], inputs: 1 },
  Split: { attributes: ['split'] },
  ReduceSum: { attributes: ['axes'] },
  Squeeze: { attributes: ['axes'] },
  TopK: { attributes: ['k'], inputs: 1 },
  Unsqueeze: { attributes: ['axes'], inputs: 1 },
};

test.each(Object.keys(OPERATORS) as OperatorName[])(
  'the row of %s has the inputs, outputs and attributes of its schema',
  (name) => {
    const row = OPERATORS[name];
    const schema = operators[name];
    const older = OLDER[name];
    if (!schema) throw new Error(`no schema of ${name}`);
    const many = (count: number): number => (count === MANY ? Infinity : count);
    expect([row.inputs.min, row.inputs.max]).toEqual([older?.inputs ?? schema.inputs[0], many(schema.inputs[1])]);
    expect([row.outputs.min, row.outputs.max]).toEqual([schema.outputs[0], many(schema.outputs[1])]);
    const attributes = Object.fromEntries(
      Object.entries(row.attributes).filter(([key]) => older?.attributes.includes(key) !== true),
    );
    expect(attributes).toEqual(schema.attributes);
  },
);
