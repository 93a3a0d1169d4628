// What the rows of the operator table refuse, and with which words: operator with the types of its inputs, expected, got.
import { expect, test } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import type { DataTypeName } from '../../../../core/onnx/data-type.js';
import { makeNode } from '../../../../core/onnx/make.js';
import { inferCall } from '../../../../core/onnx/operators/call.js';
import { OPERATORS, operatorName } from '../../../../core/onnx/operators/table.js';
import type { Dim, Value } from '../../../../core/onnx/shape.js';
import { evaluateDim } from '../../../../core/onnx/symbolic.js';
import { WRONG, type Text, type Wrong } from './operator-refusals.js';

const number = (text: string): Dim => (/^-?\d+$/.test(text) ? Number(text) : text);
function valueOf(text: Text, index: number): Value {
  const [dtype = '', rest = ''] = text.split(' ');
  const [shape = '', values] = rest.split('=');
  const dims = shape.split(',').filter(Boolean).map(number);
  return {
    name: `in${index}`,
    dtype: dtype as DataTypeName,
    shape: dims,
    ...(values !== undefined && { values: values.split(',').filter(Boolean).map(number) }),
  };
}

function refusal({ name, inputs, attributes = {}, outputs = 1 }: Wrong): InputError {
  const node = makeNode(name.split('.').at(-1) ?? name, {
    input: inputs.map((text, i) => (text === null ? '' : `in${i}`)),
    output: Array.from({ length: outputs }, (_, i) => `out${i}`),
    attributes,
  });
  let fresh = 0;
  const context = {
    opset: 20,
    sizeOf: (dim: Dim) => evaluateDim(dim, { d_model: 8 }),
    unknownDim: () => `?${fresh++}`,
  };
  const values = inputs.map((text, i) => (text === null ? null : valueOf(text, i)));
  try {
    inferCall(OPERATORS[name], { node, inputs: values }, context);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new RangeError(`${name} was accepted`);
}

test.each(WRONG.map((wrong) => [wrong.name, wrong.says, wrong] as const))('%s is refused: %s', (name, says, wrong) => {
  const error = refusal(wrong);
  expect(error.message.endsWith(`: ${says}.`), error.message).toBe(true);
  expect(error.message.startsWith(`${name.split('.').at(-1) ?? name}(`)).toBe(true);
  const [, expected, got] = /^expected (.*?), got (.*)$/.exec(says) ?? [];
  expect(error.details).toMatchObject({ operator: name.split('.').at(-1) });
  expect(`${String(error.details['expected'])}, got ${String(error.details['got'])}`).toBe(
    `${expected ?? ''}, got ${got ?? ''}`,
  );
});

test('a message names the operator with the types of its inputs', () => {
  const { message } = refusal({
    name: 'Clip',
    inputs: ['float32 batch,4', null, 'int64 '],
    says: '',
  });
  expect(message).toBe(
    'Clip(in0 float32 [batch, 4], none, in2 int64 []): expected inputs of one element type, got float32 in "in0" and int64 in "in2".',
  );
});

test('operators are found by domain, unknown ones are not', () => {
  const node = (opType: string, domain?: string) =>
    makeNode(opType, { input: [], output: [], ...(domain !== undefined && { domain }) });
  expect(operatorName(node('MatMul'))).toBe('MatMul');
  expect(operatorName(node('MatMul', 'ai.onnx'))).toBe('MatMul');
  expect(operatorName(node('Gelu', 'com.microsoft'))).toBe('com.microsoft.Gelu');
  expect(operatorName(node('SimplifiedLayerNormalization', 'com.microsoft'))).toBe('SimplifiedLayerNormalization');
  expect(operatorName(node('com.microsoft.Gelu'))).toBeNull();
  expect(operatorName(node('MatMul', 'com.microsoft'))).toBeNull();
  expect(operatorName(node('toString'))).toBeNull();
});
