// The evaluate stage: a stored dictionary measured on rows that nothing was fitted to, beside what it is compared with.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { modelDatasets } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import type { StageDefinition } from '../definition.js';
import { cores, SPEED } from '../nominal-speed.js';
import { stepOf, type Step } from '../step.js';
import { sitesOfDictionary, workOfDictionary } from '../train/dictionary.js';
import type { EvaluationRequest, Work } from '../work.js';
import { evaluateConfig, type EvaluateConfig } from './config.js';
import { evaluationDatasets, evaluationSubject } from './names.js';

export const evaluateStage: StageDefinition<EvaluateConfig> = {
  name: 'evaluate',
  version: 1,
  config: evaluateConfig,
  queue: 'compute',
  maxLotSize: 2 ** 20,
  chained: false,
  unit: 'rows',
  mayQuarantine: () => false,
  steps: (work) => (work.evaluations ?? []).flatMap((request) => stepsOfRequest(work, request)),
  estimate: ({ extraction: run, evaluations = [] }, { subject }, { textBytes }) => {
    const request = evaluations.find((own) => evaluationSubject(own, 'sums') === subject);
    const dictionary = run?.dictionaries.find(({ name }) => name === request?.dictionary);
    if (!run || !dictionary) return { items: 1, bytes: 0, seconds: 0 };
    // About a twentieth of the tokens, through three dictionaries and five passes of the model.
    const rows = textBytes / BYTES_PER_TOKEN / 20;
    const { layers, width } = run.model;
    const flops = 3 * workOfDictionary(run, dictionary).product + 5 * 24 * layers * width * width;
    return { items: null, bytes: 0, seconds: (rows * flops) / SPEED.flops / cores() };
  },
};

function stepsOfRequest({ extraction: run }: Work, request: EvaluationRequest): Step[] {
  const dictionary = run?.dictionaries.find(({ name }) => name === request.dictionary);
  if (!run || !dictionary) return [];
  const names = datasetNames(run.name);
  const measured = datasetNames(request.corpus?.name ?? run.name);
  const made = evaluationDatasets(run.name, request);
  const others = (request.together ?? []).flatMap((name) => run.dictionaries.filter((one) => one.name === name));
  const sites = [...new Set([dictionary, ...others].flatMap((one) => sitesOfDictionary(run, one).names))];
  const rows = sites.flatMap((site) => [...new Set([names.activations(site), measured.activations(site)])]);
  const weights = names.dictionary(dictionary.name, 'weights');
  const further = others.map(({ name }) => names.dictionary(name, 'weights'));
  const acts = names.dictionary(dictionary.name, 'acts');
  const texts = request.corpus ? [names.documents, measured.documents] : [];
  const one = (part: 'basis' | 'sums' | 'table', reads: readonly string[], tables: readonly string[]): Step =>
    stepOf('evaluate', evaluationSubject(request, part), {
      reads,
      makes: [{ dataset: made[part], tables, key: null }],
    });
  return [
    one('basis', [...rows, ...texts, ...modelDatasets(run)], ['basis']),
    one(
      'sums',
      [...rows, ...texts, made.basis, weights, ...further, acts, measured.tokens, ...modelDatasets(run)],
      ['sums'],
    ),
    one('table', [made.sums, weights, ...modelDatasets(run)], ['evaluation']),
  ];
}
