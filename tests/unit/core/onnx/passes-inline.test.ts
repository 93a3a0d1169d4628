// Functions and branches become part of the graph: the outputs stay what they were in ONNX Runtime.
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../../../core/onnx/cut.js';
import { makeGraph, makeNode, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import { inlineFunctions } from '../../../../core/onnx/passes/inline-functions.js';
import { selectBranch } from '../../../../core/onnx/passes/select-branch.js';
import type { AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto } from '../../../../core/onnx/proto.js';
import { expectSameRuns, flag, model, op, ops, x } from './pass-model.js';
import { expectSame, runModel } from './run-model.js';

describe('inlining functions', () => {
  const reference = (name: string, refAttrName: string, type: number): AttributeProto => ({
    name,
    refAttrName,
    type,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
  });
  const lists = { attribute: [], attributeProto: [], valueInfo: [], metadataProps: [] };
  const opsetImport = [{ domain: '', version: 20 }];
  const domain = 'pkg.test';
  const leaky: FunctionProto = {
    ...lists,
    name: 'Leaky',
    domain,
    input: ['v'],
    output: ['out'],
    attribute: ['slope'],
    node: [
      { ...op('LeakyRelu', 'v -> inner'), attribute: [reference('alpha', 'slope', 1)] },
      op('Neg', 'inner -> out'),
    ],
    opsetImport,
  };
  const outer: FunctionProto = {
    ...lists,
    name: 'Twice',
    domain,
    input: ['v', 'w'],
    output: ['inner', 'v'],
    node: [
      makeNode('Leaky', { input: ['v'], output: ['middle'], domain, attributes: { slope: { f: 0.5 } } }),
      makeNode('Leaky', { input: ['middle'], output: ['half'], domain }),
      op('Clip', 'half w -> inner'),
    ],
    opsetImport: [...opsetImport, { domain, version: 1 }],
  };

  test('cases 2 to 5: nested calls, left out inputs, passed-through inputs, attributes by reference', async () => {
    const call = (input: string[], output: string[]): NodeProto => makeNode('Twice', { input, output, domain });
    const before = model([op('Sub', 'x two -> v'), call(['v', ''], ['a', 'b']), call(['a'], ['c', ''])], {
      output: ['a', 'b', 'c'],
      functions: [leaky, outer],
      initializer: [makeTensor('two', { dims: [], data: Float32Array.of(2) })],
    });
    const after = inlineFunctions(before);
    expect(after.functions).toEqual([]);
    expect(after.opsetImport).toEqual(opsetImport);
    const slopes = graphOf(after)
      .node.filter((n) => n.opType === 'LeakyRelu')
      .map((n) => n.attribute[0]?.f);
    expect(slopes).toEqual([0.5, undefined, 0.5, undefined]);
    const made = graphOf(after).node.flatMap((node) => node.output);
    expect(new Set(made).size).toBe(made.length);
    // ONNX Runtime refuses functions that pass an input through: the same graph written by hand is the oracle.
    const leakyNodes = (from: string, to: string, slope: number): NodeProto[] => [
      op('LeakyRelu', `${from} -> ${to}.inner`, { alpha: { f: slope } }),
      op('Neg', `${to}.inner -> ${to}`),
    ];
    const byHand = model(
      [
        op('Sub', 'x two -> v'),
        ...leakyNodes('v', 'm', 0.5),
        ...leakyNodes('m', 'half', 0.01),
        op('Clip', 'half -> a'),
        op('Identity', 'v -> b'),
        ...leakyNodes('a', 'n', 0.5),
        ...leakyNodes('n', 'half2', 0.01),
        op('Clip', 'half2 -> c'),
      ],
      { output: ['a', 'b', 'c'], initializer: graphOf(before).initializer.slice() },
    );
    await expectSameRuns(byHand, after);
  });

  test('a function that ONNX Runtime runs itself computes the same inlined, also inside a body', async () => {
    const body = makeGraph({
      node: [
        makeNode('Leaky', {
          input: ['x'],
          output: ['y'],
          domain,
          attributes: { slope: { f: 0.3 } },
        }),
      ],
      output: [makeValueInfo('y', 'float32')],
    });
    const before = model(
      [
        op('If', 'flag -> a', { then_branch: body, else_branch: body }),
        makeNode('Leaky', {
          input: ['a'],
          output: ['b'],
          domain,
          attributes: { slope: { f: 0.5 } },
        }),
      ],
      { output: ['b'], functions: [leaky] },
    );
    const after = inlineFunctions(before);
    expect(ops(graphOf(after))).toEqual(['If', 'LeakyRelu', 'Neg']);
    await expectSameRuns(before, after);
  });

  test('case 1: a model without functions is left alone; a function of another opset is refused', () => {
    const plain = model([op('Relu', 'x -> y')], { output: ['y'] });
    expect(inlineFunctions(plain)).toBe(plain);
    const other = { ...leaky, opsetImport: [{ domain: '', version: 18 }] };
    const before = model([op('Relu', 'x -> y')], { output: ['y'], functions: [other] });
    expect(() => inlineFunctions(before)).toThrow(
      'Expected functions in the model\'s opset 20 of domain "", found one in 18. Export the model anew without functions.',
    );
  });
});

describe('choosing a branch', () => {
  const weight = (name: string, value: number): TensorProto =>
    makeTensor(name, { dims: [], data: Float32Array.of(value) });
  const branch = (value: number): GraphProto =>
    makeGraph({
      initializer: [weight('w', value)],
      node: [op('Mul', 'h w -> scaled'), op('Neg', 'scaled -> negated')],
      output: [makeValueInfo('scaled', 'float32'), makeValueInfo('negated', 'float32')],
    });
  const attributes = { then_branch: branch(2), else_branch: branch(3) };
  const merged = model(
    [op('Relu', 'x -> h'), op('If', 'flag -> a b', attributes), op('If', 'flag -> c d', attributes)],
    { output: ['a', 'b', 'c', 'd'] },
  );

  test.each([true, false])('with the input at %s the graph is that branch, twice without clashes', async (value) => {
    const flat = selectBranch(merged, { input: 'flag', value });
    expect(ops(graphOf(flat))).not.toContain('If');
    expect(graphOf(flat).input.map((info) => info.name)).toEqual(['x']);
    const expected = await runModel(merged, { x, flag: flag(value) }, 'disabled');
    for (const level of ['disabled', 'all'] as const) expectSame(await runModel(flat, { x }, level), expected);
  });

  test('an input that does more than choose is refused', () => {
    const used = model(
      [op('If', 'flag -> a b', { then_branch: branch(1), else_branch: branch(2) }), op('Not', 'flag -> n')],
      { output: ['n'] },
    );
    expect(() => selectBranch(used, { input: 'flag', value: true })).toThrow(
      'Expected a graph input that only chooses the branches of If nodes, "flag" is read by node "n/node" (Not).',
    );
    expect(() => selectBranch(merged, { input: 'cache', value: true })).toThrow(
      'Expected a graph input that only chooses the branches of If nodes, "cache" is read by no If.',
    );
  });
});
