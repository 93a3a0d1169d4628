// Sets what a kind takes from the calib split instead of from gradients: the threshold at which k features fire per row on average
// (core/dictionaries/calib-threshold.ts). Two passes over the rows with the weights of the moment.
import { settingOf } from '../../core/dictionaries/architecture.js';
import { computeThreshold } from '../../core/dictionaries/calib-threshold.js';
import { SCORES, type EncodeGraphSettings, buildScoresGraph } from '../../core/dictionaries/encode-graph.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { fixedOf, parametersOf } from '../../core/dictionaries/state.js';
import { rowsFeed } from '../../core/dictionaries/step-graph.js';
import type { StateArrays } from '../../core/optimise/state.js';
import { Session } from '../../runtime/session.js';
import type { EngineConfig } from '../../schemas/stored.js';
import { floatsOf, stateFeeds } from '../training-state.js';
import type { StoredRows } from './row-file.js';

export interface ThresholdParts {
  readonly graph: EncodeGraphSettings;
  readonly engine: EngineConfig;
  readonly state: StateArrays;
  /** Raw rows by site, and the scales that training multiplies them by. */
  readonly calib: StoredRows;
  readonly scales: readonly number[];
}

/** The state with its thresholds set; the same where the kind has none. */
export async function withThresholds(parts: ThresholdParts): Promise<StateArrays> {
  const { graph, engine, state, calib } = parts;
  const fixed = fixedOf(graph);
  if (fixed.length === 0) return state;
  const session = await Session.create(buildScoresGraph(graph).toModelBytes(), engine);
  try {
    const threshold = await computeThreshold(
      () => scoresOf(parts, session),
      calib.rows * settingOf(graph.settings, 'k'),
    );
    return new Map([...state, ...fixed.map(({ name }) => [name, Float32Array.of(threshold)] as const)]);
  } finally {
    await session.release();
  }
}

/** z of all calib rows, batch by batch. */
async function* scoresOf(
  { graph, state, calib, scales }: ThresholdParts,
  session: Session,
): AsyncGenerator<Float32Array> {
  const { batchRows, features, sites } = graph;
  const parameters = parametersOf(graph).map((p) => ({ ...p, type: 'float32' as const }));
  for (let start = 0; start < calib.rows; start += batchRows) {
    const count = Math.min(batchRows, calib.rows - start);
    const rows = Uint32Array.from({ length: count }, (_, i) => start + i);
    const feeds = stateFeeds(parameters, state);
    for (const [site, { width, act }] of calib.sites.entries()) {
      const data = new Float32Array(batchRows * width);
      gatherRows(act, data.subarray(0, count * width), { rows, width, scale: scales[site] as number });
      feeds[rowsFeed(site)] = { dtype: 'float32', dims: [batchRows, sites.widths[site] ?? width], data };
    }
    const outputs = await session.run(feeds, [SCORES]);
    yield floatsOf(outputs, SCORES).subarray(0, count * features);
  }
}
