// The letters of products: MatMul and Einsum say in one spelling which axes are one, with broadcast axes aligned at the right, and
// equations that say less than that have none.
import { describe, expect, it } from 'vitest';
import { contractedLetters, productLetters } from '../../../../core/hooks/product-letters.js';
import { makeNode } from '../../../../core/onnx/make.js';
import type { NodeProto } from '../../../../core/onnx/proto.js';

const einsum = (equation: string, input = ['a', 'b']): NodeProto =>
  makeNode('Einsum', { input, output: ['y'], attributes: { equation } });
const shown = (node: NodeProto, ranks: readonly [number, number]): string | null => {
  const letters = productLetters(node, ranks);
  return letters && `${letters.operands.map((own) => own.join(' ')).join(', ')} -> ${letters.out.join(' ')}`;
};

describe('the letters of a product', () => {
  it.each<[string, { readonly node: NodeProto; readonly ranks: readonly [number, number] }, string | null]>([
    [
      'of matrices',
      { node: makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }), ranks: [2, 2] },
      'm k, k n -> m n',
    ],
    [
      'of a batch with one matrix',
      { node: makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }), ranks: [4, 3] },
      'batch0 batch1 m k, batch1 k n -> batch0 batch1 m n',
    ],
    ['of a vector', { node: makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }), ranks: [1, 2] }, null],
    ['of an equation', { node: einsum('bqhd, bkhd -> bhqk'), ranks: [4, 4] }, 'b q h d, b k h d -> b h q k'],
    ['of an equation without result', { node: einsum('ik,kj'), ranks: [2, 2] }, 'i k, k j -> i j'],
    [
      'of an ellipsis',
      { node: einsum('...qd,...kd->...qk'), ranks: [4, 3] },
      'dots0 dots1 q d, dots1 k d -> dots0 dots1 q k',
    ],
    ['of a trace', { node: einsum('iij,jk->ik'), ranks: [3, 2] }, null],
    ['of three operands', { node: einsum('ab,bc,cd->ad', ['a', 'b', 'c']), ranks: [2, 2] }, null],
    ['of an equation for other ranks', { node: einsum('ab,bc->ac'), ranks: [3, 2] }, null],
  ])('%s', (_, { node, ranks }, expected) => {
    expect(shown(node, ranks)).toBe(expected);
  });

  it('that are summed over are those that both operands have and the result has not', () => {
    const letters = productLetters(einsum('bhqk,bkhd->bqhd'), [4, 4]);
    expect(letters && contractedLetters(letters)).toEqual(['k']);
  });
});
