// Products: matrices with broadcast batches, Gemm, Einsum, convolution.
import { broadcastShapes, unifyDims } from '../broadcast.js';
import type { Dim, TensorType } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, indices, input, NUMERIC, optional, row, sameType, type Shape } from './row.js';

export const MATRIX = {
  Conv: row({
    inputs: [2, 3],
    attributes: {
      auto_pad: 'string',
      dilations: 'ints',
      group: 'int',
      kernel_shape: 'ints',
      pads: 'ints',
      strides: 'ints',
    },
    infer: convolution,
  }),
  Einsum: row({ inputs: [1, Infinity], attributes: { equation: 'string' }, infer: einsum }),
  Gemm: row({
    inputs: [2, 3],
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
    infer: gemm,
  }),
  MatMul: row({ inputs: 2, infer: (call) => [matMul(call)] }),
  MatMulInteger: row({
    inputs: [2, 4],
    infer: (call) => {
      const [a, b] = [input(call, 0, ['int8', 'uint8']), input(call, 1, ['int8', 'uint8'])];
      return [{ dtype: 'int32', shape: matMulShape(call, a.shape, b.shape) }];
    },
  }),
} satisfies Record<string, OperatorRow>;

function matMul(call: OperatorCall): TensorType {
  const [a, b] = [input(call, 0, NUMERIC), input(call, 1, NUMERIC)];
  return { dtype: sameType(call, [0, 1]), shape: matMulShape(call, a.shape, b.shape) };
}

/** [..., m, k] · [..., k, n] = [..., m, n] with broadcast batches; a vector stands for a row or a column. */
export function matMulShape(call: OperatorCall, a: Shape, b: Shape): Shape {
  if (a === null || b === null) return null;
  if (a.length === 0 || b.length === 0) call.fail('at least one axis each', 'a scalar');
  const [left, right] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
  const [m = 1, k = 1] = left.slice(-2);
  const [k2 = 1, n = 1] = right.slice(-2);
  meet(call, k, k2);
  const batch = broadcastShapes([left.slice(0, -2), right.slice(0, -2)], call);
  if (batch === null) return null;
  return [...batch, ...(a.length === 1 ? [] : [m]), ...(b.length === 1 ? [] : [n])];
}

function meet(call: OperatorCall, a: Dim, b: Dim): Dim {
  return unifyDims(a, b, {
    ...rulesOf(call),
    fail: () => call.fail('equal inner axes', `${a} and ${b}`),
  });
}

function rulesOf(call: OperatorCall) {
  return {
    sizeOf: (dim: Dim) => call.sizeOf(dim),
    unknownDim: () => call.unknownDim(),
    lenient: call.lenient === true,
  };
}

function gemm(call: OperatorCall) {
  const [a, b] = [input(call, 0, NUMERIC), input(call, 1, NUMERIC)];
  const dtype = sameType(call, [0, 1, 2]);
  const left = oriented(call, a.shape, 'transA');
  const right = oriented(call, b.shape, 'transB');
  if (left && right) meet(call, left[1], right[0]);
  const shape = [left?.[0] ?? call.unknownDim(), right?.[1] ?? call.unknownDim()];
  const c = optional(call, 2, NUMERIC);
  if (c) broadcastShapes([shape, c.shape], call);
  return [{ dtype, shape }];
}

function oriented(call: OperatorCall, shape: Shape, flag: string): readonly [Dim, Dim] | null {
  if (shape === null) return null;
  const [rows, columns, ...rest] = shape;
  if (rows === undefined || columns === undefined || rest.length > 0)
    return call.fail('matrices', `a tensor of shape [${shape.join(', ')}]`);
  return call.attributes.int(flag, 0) === 1 ? [columns, rows] : [rows, columns];
}

/** One size per letter; `...` stands for broadcast axes before the rest. */
function einsum(call: OperatorCall): TensorType[] {
  const equation = call.attributes.text('equation', '').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  const all = indices(call.inputs.length);
  const dtype = sameType(call, all);
  if (terms.length !== call.inputs.length) call.fail(`${call.inputs.length} terms in the equation`, `"${equation}"`);
  const sizes = new Map<string, Dim>();
  let batch: readonly Dim[] | null = [];
  for (const index of all) {
    const { shape } = input(call, index, NUMERIC);
    const [before = '', after] = (terms[index] ?? '').split('...');
    const letters = Array.from(before + (after ?? ''));
    if (shape === null) {
      if (after !== undefined) batch = null;
      continue;
    }
    const extra = shape.length - letters.length;
    if (extra < 0 || (after === undefined && extra > 0))
      call.fail(`${letters.length} axes for "${terms[index] ?? ''}"`, `[${shape.join(', ')}]`);
    if (batch) batch = broadcastShapes([batch, shape.slice(before.length, before.length + extra)], call);
    letters.forEach((letter, i) => {
      const dim = shape[i < before.length ? i : i + extra] ?? 1;
      const known = sizes.get(letter);
      sizes.set(letter, known === undefined || known === 1 ? dim : dim === 1 ? known : meet(call, known, dim));
    });
  }
  const output = right ?? implicitOutput(terms);
  if (output.includes('...') && batch === null) return [{ dtype, shape: null }];
  const [before = '', after = ''] = output.split('...');
  const dims = (letters: string): Dim[] => Array.from(letters, (letter) => sizes.get(letter) ?? call.unknownDim());
  const middle = output.includes('...') ? (batch ?? []) : [];
  return [{ dtype, shape: [...dims(before), ...middle, ...dims(after)] }];
}

/** Without `->`, letters that occur once, sorted, after the broadcast axes. */
function implicitOutput(terms: readonly string[]): string {
  const letters = Array.from(terms.join('').replaceAll('.', ''));
  const once = letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort();
  return (terms.some((term) => term.includes('...')) ? '...' : '') + once.join('');
}

/** [N, C, …] with W [M, C/group, …] gives [N, M, …]. */
function convolution(call: OperatorCall): TensorType[] {
  const [x, w] = [input(call, 0, FLOAT), input(call, 1, FLOAT)];
  const dtype = sameType(call, [0, 1, 2]);
  if (x.shape === null) return [{ dtype, shape: null }];
  const [batch = 1, , ...spatial] = x.shape;
  const size = spatialSize(call, w.shape);
  const shape = [batch, w.shape?.[0] ?? call.unknownDim(), ...spatial.map(size)];
  return [{ dtype, shape }];
}

function spatialSize(call: OperatorCall, weight: Shape): (dim: Dim, axis: number) => Dim {
  const { attributes } = call;
  const kernel = attributes.ints('kernel_shape');
  const [pads, strides, dilations] = ['pads', 'strides', 'dilations'].map((n) => attributes.ints(n));
  const auto = attributes.text('auto_pad', 'NOTSET');
  return (dim, axis) => {
    const [length, k] = [call.sizeOf(dim), kernel?.[axis] ?? call.sizeOf(weight?.[axis + 2] ?? '?')];
    const stride = strides?.[axis] ?? 1;
    if (k === null) return call.unknownDim();
    const half = (pads?.length ?? 0) / 2;
    const pad = auto === 'VALID' ? 0 : (pads?.[axis] ?? 0) + (pads?.[axis + half] ?? 0);
    const reach = (k - 1) * (dilations?.[axis] ?? 1);
    if (auto.startsWith('SAME'))
      return stride === 1 ? dim : length === null ? call.unknownDim() : Math.ceil(length / stride);
    if (stride === 1 && pad === reach) return dim;
    return length === null ? call.unknownDim() : Math.floor((length + pad - reach - 1) / stride) + 1;
  };
}
