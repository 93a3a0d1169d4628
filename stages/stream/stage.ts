// The stream stage: tokens of some splits laid end to end, for language models to train on and to be measured with.
import { datasetNames } from '../dataset-names.js';
import { keyOf, type StageDefinition } from '../definition.js';
import { cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import type { Work } from '../work.js';
import { streamConfig, type StreamConfig } from './config.js';

export const streamStage: StageDefinition<StreamConfig> = {
  name: 'stream',
  version: 1,
  config: streamConfig,
  queue: 'io',
  maxLotSize: 1,
  chained: false,
  unit: 'tokens',
  mayQuarantine: () => false,
  steps: (work) => {
    if (work.models.length === 0) return [];
    const names = datasetNames(work.tokens.run);
    const makes = plannedStreams(work).map(({ dataset, tables, key }) => ({ dataset, tables, key }));
    return [stepOf('stream', null, { reads: [names.corpus, names.tokens], makes })];
  },
  estimate: (work, _step, { textBytes }) => {
    const tokens = textBytes / 4;
    return {
      items: plannedStreams(work).length,
      bytes: Math.round((tokens * ROW_BYTES.token) / 4),
      seconds: tokens / SPEED.tokens / cores(),
    };
  },
};

/** A stream that the models of a work read, with the name that it is published under. */
export interface PlannedStream {
  readonly config: StreamConfig;
  readonly dataset: string;
  readonly tables: readonly string[];
  readonly key: string;
}

/** The different streams that the models read, in the order in which they are met. */
export function plannedStreams({ name, models }: Pick<Work, 'name' | 'models'>): PlannedStream[] {
  const byKey = new Map<string, StreamConfig>();
  for (const { streams } of models)
    for (const config of [streams.training, streams.calib, streams.test])
      byKey.set(keyOf(streamStage, config.keyed).key, config);
  const used = new Map<string, number>();
  return [...byKey].map(([key, config]) => {
    const plain = `${name}/stream-${config.keyed.splits.join('-')}`;
    const times = (used.get(plain) ?? 0) + 1;
    used.set(plain, times);
    const dataset = times === 1 ? plain : `${plain}-${times}`;
    return { config, dataset, tables: config.keyed.lossWeights ? ['stream', 'weights'] : ['stream'], key };
  });
}
