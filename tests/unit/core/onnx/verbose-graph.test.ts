// The long-winded graph that the bench measures is the same model: same sites, same logits, several times the nodes.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { verboseGraph } from '../../../../bench/engine/verbose-graph.js';
import { writeGpt2 } from '../../../../bench/extraction/gpt2-model.js';
import { decodeModel, encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import { resolveSites } from '../../../../core/hooks/sites.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import { Session } from '../../../../runtime/session.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('verbose');
let compact: ModelProto;

beforeAll(async () => {
  const shape = { layers: 2, width: 24, heads: 3, vocab: 50, positions: 16 };
  compact = decodeModel(readFileSync(await writeGpt2(folder, shape)));
});

async function logits(model: ModelProto): Promise<Float32Array> {
  const session = await Session.create(joinChunks(encodeModel(model)), {
    provider: 'cpu',
    threads: 1,
    optimisation: 'disabled',
    externalFolder: folder,
  });
  const data = BigInt64Array.from([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], BigInt);
  const { logits: out } = await session.run({ input_ids: { dtype: 'int64', dims: [2, 5], data } });
  await session.release();
  return out?.data as Float32Array;
}

describe('the verbose graph of the bench', () => {
  it('has several times the nodes, the same sites and the same logits', async () => {
    const verbose = verboseGraph(compact);
    expect(graphOf(verbose).node.length).toBeGreaterThan(3 * graphOf(compact).node.length);
    const names = (model: ModelProto): string[] => resolveSites(model).sites.map(({ name }) => name);
    expect(names(verbose)).toEqual(names(compact));
    expect(names(compact)).toContain('blocks.1.attn.hook_pattern');
    expect(await logits(verbose)).toEqual(await logits(compact));
  });
});
