// Proves that inputs which cannot be fed, and a type that the CPU has no arithmetic of, are refused in our own words and not by
// ONNX Runtime: masks of four axes, positions of one, bfloat16.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../../core/onnx/cut.js';
import { DATA_TYPE } from '../../../core/onnx/data-type.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { makeValueInfo } from '../../../core/onnx/make.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import type { GraphBuilder } from '../../../core/onnx/builder.js';
import type { Value } from '../../../core/onnx/shape.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { plainAttention, plainMlp, transformer } from '../core/hooks/graphs.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const folder = temporaryFolder('input-forms');

function save(name: string, model: ModelProto): string {
  const file = path.join(folder, name);
  writeFileSync(file, joinChunks(encodeModel(model)));
  return file;
}

/** A model whose MLP branches add an input of the given axes, made a number. */
function withInput(name: string, axes: readonly (string | number)[]): ModelProto {
  let input: Value | null = null;
  const mlp = (g: GraphBuilder, x: Value): Value => {
    input ??= g.input(name, 'int64', axes);
    const sum = g.op('ReduceSum', [g.op('Cast', [input], { attributes: { to: DATA_TYPE.float32 } })], {
      attributes: { keepdims: 0 },
    });
    return g.op('Mul', [plainMlp(g, x), sum]);
  };
  const model = transformer({ mlp });
  const graph = graphOf(model);
  const declared = graph.input.map((one) => (one.name === name ? makeValueInfo(name, 'int64', axes) : one));
  return { ...model, graph: { ...graph, input: declared } };
}

describe('an input that is not [batch, positions]', () => {
  it.each([
    ['attention_mask', ['batch', 1, 'seq', 'seq'], '4: [batch, 1, seq, seq]'],
    ['position_ids', ['seq'], '1: [seq]'],
    ['token_type_ids', ['batch'], '1: [batch]'],
  ])('%s of %j is refused when the model is opened', async (name, axes, found) => {
    const file = save(`${name}.onnx`, withInput(name, axes));
    await expect(openModel(file)).rejects.toThrow(
      `Expected input "${name}" with the two axes [batch, positions], found ${found}.`,
    );
  });

  it('and one of two axes is not', async () => {
    const file = save('fits.onnx', withInput('attention_mask', ['batch', 'seq']));
    await expect(openModel(file)).resolves.toBeDefined();
  });
});

it('bfloat16 on the CPU is refused by name and node', async () => {
  const to = (g: GraphBuilder, x: Value, type: number): Value => g.op('Cast', [x], { attributes: { to: type } });
  const attention = (g: GraphBuilder, x: Value): Value => {
    const half = to(g, plainAttention(g, x), DATA_TYPE.bfloat16);
    return to(g, g.op('Add', [half, half]), DATA_TYPE.float32);
  };
  const file = save('bfloat16.onnx', transformer({ attention }));
  const run = runModel(file, { ids: Uint32Array.of(1, 2), length: 2 }, { hooks: ['logits'], engine: ENGINE });
  await expect(run).rejects.toThrow(/^Expected a model that computes in float32 or float16, found bfloat16 \(Cast "/);
});
