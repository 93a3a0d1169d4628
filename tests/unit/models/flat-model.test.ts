// Models that are not one flat graph: with functions of their own, and merged decoders that choose between cache and no cache.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { makeGraph, makeNode, makeValueInfo } from '../../../core/onnx/make.js';
import type { FunctionProto, ModelProto } from '../../../core/onnx/proto.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { EXPORTS } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const PLAIN = `${EXPORTS}/gpt2.dynamo.onnx`;
const folder = temporaryFolder('flat');
let plain: ModelProto;

beforeAll(async () => {
  plain = decodeModel(await readFile(PLAIN));
});

/** Every LayerNormalization a call of a function of the file. */
function withFunctions(): ModelProto {
  const call: FunctionProto = {
    name: 'Norm',
    domain: 'local',
    input: ['x', 'w', 'b'],
    output: ['y'],
    attribute: [],
    node: [
      makeNode('LayerNormalization', {
        input: ['x', 'w', 'b'],
        output: ['y'],
        attributes: { axis: -1, epsilon: { f: 1e-5 } },
      }),
    ],
    opsetImport: plain.opsetImport,
    attributeProto: [],
    valueInfo: [],
    metadataProps: [],
  };
  const node = graphOf(plain).node.map((old) =>
    old.opType === 'LayerNormalization'
      ? { ...old, opType: 'Norm', domain: 'local', attribute: [], output: old.output.slice(0, 1) }
      : old,
  );
  return {
    ...plain,
    opsetImport: [...plain.opsetImport, { domain: 'local', version: 1 }],
    functions: [call],
    graph: { ...graphOf(plain), node },
  };
}

/** Two branches: with a cache (here: a constant, which nobody may mistake for the model) and without. */
function merged(): ModelProto {
  const graph = graphOf(plain);
  const without = makeGraph({ name: 'without', node: graph.node, output: graph.output });
  const constant = makeNode('Identity', { input: [graph.initializer[0]?.name ?? ''], output: ['cached'] });
  const withCache = makeGraph({ name: 'with', node: [constant], output: [makeValueInfo('cached', 'float32')] });
  const choice = makeNode('If', {
    input: ['use_cache_branch'],
    output: ['logits'],
    attributes: { then_branch: withCache, else_branch: without },
  });
  const input = [...graph.input, makeValueInfo('use_cache_branch', 'bool', [1])];
  return { ...plain, graph: { ...graph, node: [choice], input } };
}

describe('a model that is not one flat graph', () => {
  it.each([
    ['with functions of its own', withFunctions],
    ['of two branches, with a cache and without', merged],
  ])('%s has the sites and values of the flat one', async (name, make) => {
    const file = path.join(folder, `${name.length}.onnx`);
    await writeFile(file, Buffer.concat(encodeModel(make())));
    const [flat, other] = [await openModel(PLAIN), await openModel(file)];
    const names = (opened: typeof flat): string[] => opened.summary.sites.map((site) => site.name);
    expect(names(other)).toEqual(names(flat));
    const rows = { ids: Uint32Array.of(5, 6, 7, 8, 9, 10), length: 3 };
    const options = {
      hooks: ['blocks.*.hook_resid_post', 'blocks.*.attn.hook_pattern'],
      logits: true,
      engine: { provider: 'cpu', threads: 1, optimisation: 'all' },
    } as const;
    const [expected, got] = [await runModel(PLAIN, rows, options), await runModel(file, rows, options)];
    for (const [site, { data }] of expected) {
      const values = got.get(site)?.data as Float32Array;
      (data as Float32Array).forEach((value, i) =>
        expect(Math.abs((values[i] ?? NaN) - value), site).toBeLessThan(1e-6),
      );
    }
  });
});
