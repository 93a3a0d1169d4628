// Proves that what a refused model's user is told to do can be done: options that exist, and no command that refuses the same file.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../../core/hooks/sites.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import { runModel } from '../../../models/run-model.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { transformer } from '../core/hooks/graphs.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const folder = temporaryFolder('advice');

/** A model that gives the scores of the last position alone. */
function lastPosition(): ModelProto {
  const model = transformer();
  const g = GraphBuilder.over({ ...model, graph: { ...graphOf(model), output: [] } });
  g.output(g.op('Slice', [g.value('logits'), g.integers(-1), g.integers(2 ** 31), g.integers(1)]), 'last');
  return g.toModel();
}

describe('the advice of a refusal', () => {
  it('names the option that asks for logits, where they are not those of the ids', async () => {
    const file = path.join(folder, 'last.onnx');
    writeFileSync(file, joinChunks(encodeModel(lastPosition())));
    const rows = { ids: Uint32Array.of(1, 2, 3, 4, 5, 6), length: 3 };
    await expect(runModel(file, rows, { hooks: ['hook_embed'], logits: true, engine: ENGINE })).rejects.toThrow(
      /\[2, 3, …\] for 2 rows of 3 ids, the model gives \[2, 1, 16\]: .* Leave logits out of --hooks\.$/,
    );
  });

  it('sends nobody to model inspect with a structure that it refuses as well', () => {
    const model = transformer({ block: (g, x, { mlp }) => mlp(g, x) });
    expect(() => resolveSites(model)).toThrow(/^Expected blocks .* Give such an export, neither optimised nor fused; /);
    expect(() => resolveSites(model)).not.toThrow(/model inspect/);
  });
});
