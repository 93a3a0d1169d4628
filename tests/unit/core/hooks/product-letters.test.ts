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
  it.each<[string, NodeProto, readonly [number, number], string | null]>([
    ['of matrices', makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }), [2, 2], 'm k, k n -> m n'],
    [
      'of a batch with one matrix',
      makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }),
      [4, 3],
      'batch0 batch1 m k, batch1 k n -> batch0 batch1 m n',
    ],
    ['of a vector', makeNode('MatMul', { input: ['a', 'b'], output: ['y'] }), [1, 2], null],
    ['of an equation', einsum('bqhd, bkhd -> bhqk'), [4, 4], 'b q h d, b k h d -> b h q k'],
    ['of an equation without result', einsum('ik,kj'), [2, 2], 'i k, k j -> i j'],
    ['of an ellipsis', einsum('...qd,...kd->...qk'), [4, 3], 'dots0 dots1 q d, dots1 k d -> dots0 dots1 q k'],
    ['of a trace', einsum('iij,jk->ik'), [3, 2], null],
    ['of three operands', einsum('ab,bc,cd->ad', ['a', 'b', 'c']), [2, 2], null],
    ['of an equation for other ranks', einsum('ab,bc->ac'), [3, 2], null],
  ])('%s', (_, node, ranks, expected) => {
    expect(shown(node, ranks)).toBe(expected);
  });

  it('that are summed over are those that both operands have and the result has not', () => {
    const letters = productLetters(einsum('bhqk,bkhd->bqhd'), [4, 4]);
    expect(letters && contractedLetters(letters)).toEqual(['k']);
  });
});
