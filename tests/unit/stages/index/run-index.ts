// Runs the index stage over a test dataset in this process.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSegment } from '../../../../storage/records/segments.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import type { IndexConfig, IndexInputs } from '../../../../stages/index/config.js';
import { indexTasks } from '../../../../stages/index/task.js';
import { planIndexItems } from '../../../../stages/index/plan.js';
import { runIndex as runItem } from '../../../../stages/index/run.js';
import type { StageContext, StageOutput, WorkItem } from '../../../../stages/stage.js';
import { localChildren } from '../../../harness/local-children.js';
import type { Dataset } from './dataset.js';
import type { Shape } from './draw.js';

/** What a stage's run may use, in this process. */
export function stageContext(
  dataset: { store: ObjectStore; folder: string },
  spool: string,
  fetched: string[] = [],
): StageContext {
  const signal = new AbortController().signal;
  return {
    store: dataset.store,
    cache: {
      async fetch({ key, sha256 }) {
        fetched.push(sha256);
        const path = join(dataset.folder, `cached-${sha256}`);
        await writeFile(path, (await dataset.store.get(key)) ?? new Uint8Array(0));
        return path;
      },
    },
    children: localChildren({ ...indexTasks }),
    spool,
    signal,
    stop: signal,
    progress: () => undefined,
  };
}

export function indexConfig(shape: Shape, width = 1): IndexConfig {
  const keyed = {
    encodeKey: 'e',
    topExamples: shape.k,
    features: shape.features,
    contextTokens: shape.contextTokens,
    prepended: true,
    packing: shape.packing,
  };
  return { keyed, aux: { name: 'd', site: 's', width } };
}

/** Plans and runs the whole index or its metrics; the outputs of each item by shard name. `fetched` takes what the cache is asked for. */
export async function runIndex(
  dataset: Dataset,
  ranges?: readonly { from: number; to: number }[] | 'metrics',
  fetched: string[] = [],
): Promise<Map<string, StageOutput>> {
  const { shape, encoded, tokens, width } = dataset;
  const segments = [await writeSegment(dataset.store, encoded)];
  const planned = planIndexItems({
    key: 'key',
    features: shape.features,
    topExamples: shape.k,
    snapshot: 's',
    commits: encoded,
    segments,
    tokens: [await writeSegment(dataset.store, tokens)],
  });
  const template = planned[0] as WorkItem<IndexInputs>;
  const items =
    ranges === 'metrics'
      ? planned.filter((item) => item.inputs.range === 'metrics')
      : (ranges?.map((range) => ({
          ...template,
          inputs: { ...template.inputs, range },
          shard: `features-${range.from}-${range.to}`,
        })) ?? planned);
  const outputs = new Map<string, StageOutput>();
  for (const item of items) {
    const spool = join(dataset.folder, `spool-${item.shard}`);
    await mkdir(spool, { recursive: true });
    const result = await runItem(item, indexConfig(shape, width), stageContext(dataset, spool, fetched));
    outputs.set(item.shard, result.outputs[0] as StageOutput);
  }
  return outputs;
}
