// The steps that make a dictionary of frozen experts, with what each reads and makes, and what each is likely to cost.
import { BYTES_PER_TOKEN } from '../../../core/corpus/shard-plan.js';
import type { ResolvedRun, TrainedDictionary } from '../../../schemas/resolved-run.js';
import { modelDatasets } from '../../activations/run-model-files.js';
import { datasetNames } from '../../dataset-names.js';
import type { CorpusSize, StageEstimate } from '../../definition.js';
import { cores, ROW_BYTES, SPEED } from '../../nominal-speed.js';
import { stepOf, type Step } from '../../step.js';
import { sitesOfDictionary, workOfDictionary } from '../dictionary.js';
import { routedDatasets, routedSubject, type RoutedPart } from './names.js';

/** Forward and backward against the encoder product, where the backward touches what fired. */
export const TRAINING_FACTOR = 3;
/** Products of a row with all centres while routes are found: iterations, and one for the last prices. */
const ROUTE_PASSES = 13;

export function routedSteps(run: ResolvedRun, dictionary: TrainedDictionary): Step[] {
  const { name } = dictionary;
  const names = datasetNames(run.name);
  const made = routedDatasets(run.name, name);
  const [site = ''] = sitesOfDictionary(run, dictionary).names;
  const common = [names.activations(site), ...modelDatasets(run)];
  const one = (
    part: RoutedPart,
    reads: readonly string[],
    makes: readonly (readonly [string, readonly string[]])[],
  ): Step =>
    stepOf('train', routedSubject(name, part), {
      reads: [...common, ...reads],
      makes: makes.map(([dataset, tables]) => ({ dataset, tables, key: null })),
    });
  const whole = ['weights', 'training'].map((table) => [names.dictionary(name, table), [table]] as const);
  return [
    one('routes', [], [[made.routes, ['routes']]]),
    one('rows', [made.routes], [[made.rows, ['routed']]]),
    one('experts', [made.routes, made.rows], [[made.experts, ['weights', 'training']]]),
    one('join', [made.routes, made.experts], whole),
  ];
}

export function estimateRouted(
  run: ResolvedRun,
  of: { readonly dictionary: TrainedDictionary; readonly part: RoutedPart; readonly size: CorpusSize },
): StageEstimate {
  const { dictionary, part, size } = of;
  const { product, weightBytes } = workOfDictionary(run, dictionary);
  const experts = dictionary.sae.routed?.experts ?? 1;
  const width = sitesOfDictionary(run, dictionary).widths[0] ?? 0;
  const rows = size.textBytes / BYTES_PER_TOKEN;
  const seconds = (flops: number): number => flops / SPEED.flops / cores();
  const valueBytes = run.file.activations.dtype === 'float16' ? 2 : 4;
  const rowBytes = width * valueBytes + ROW_BYTES.activationKeys + 4;
  const routing = 2 * width * experts;
  const estimates: { readonly [Part in RoutedPart]: StageEstimate } = {
    routes: {
      items: 1,
      bytes: 8 * experts * width,
      seconds: seconds(Math.min(rows, 2 ** 18) * routing * ROUTE_PASSES),
    },
    rows: { items: size.shards, bytes: Math.round(rows * rowBytes), seconds: seconds(rows * routing) },
    experts: {
      items: experts,
      bytes: weightBytes,
      seconds: seconds(dictionary.sae.tokens * product * TRAINING_FACTOR),
    },
    join: { items: 1, bytes: weightBytes, seconds: 0 },
  };
  return estimates[part];
}
