// Plans the evaluation of a stored dictionary, in three steps: what controls are made of (one item), sums of each shard of the split
// (an item per shard), the table (one item). Pure: a function of pinned commits and of the request.
import { CONTROL_NAMES, type ControlName } from '../../core/dictionaries/controls.js';
import type { NamedSites } from '../../core/dictionaries/sites.js';
import { digestOf } from '../../core/identity/digest.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import type { StoredFile } from '../../schemas/stored.js';
import { modelMetadata, readModelFiles } from '../activations/run-model-files.js';
import { activationsSettings } from '../activations/stage.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, unitsOf, type Pinned, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { encodedDictionary, featuresOf, sitesOfDictionary } from '../train/dictionary.js';
import { pinAll } from '../train/plan.js';
import type { EvaluationRequest, Work } from '../work.js';
import type {
  BasisConfig,
  EvaluateConfig,
  EvaluatedDictionary,
  EvaluateInputs,
  SumsConfig,
  TableConfig,
} from './config.js';
import { evaluationDatasets, evaluationSubject, type EvaluationPart } from './names.js';
import { evaluateStage } from './stage.js';
import { rowsOf, sumsItems } from './sums-items.js';
import { basisSites, dictionaryNamed, refuseTwice } from './together.js';

/** Wider sites get no principal components: their eigenvectors alone would take half an hour. */
const MOST_COMPONENTS = 2048;
/** Tokens of a shard after which no further document is measured for cross-entropy (five passes of the whole model). */
const LOSS_TOKENS = 65_536;

interface Planned {
  readonly run: ResolvedRun;
  readonly request: EvaluationRequest;
  readonly dictionary: ResolvedDictionary;
  readonly sites: NamedSites;
  /** Dictionaries that stand beside it. */
  readonly others: readonly ResolvedDictionary[];
  readonly step: Step;
  readonly pinned: PinnedReader;
}

/** Everything that the step plans; null while something that it reads is not complete. */
export async function planEvaluate(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const found = (work.evaluations ?? []).flatMap((request) =>
    (['basis', 'sums', 'table'] as const).map((part) => ({ request, part })),
  );
  const own = found.find(({ request, part }) => evaluationSubject(request, part) === step.subject);
  const dictionary = run?.dictionaries.find(({ name }) => name === own?.request.dictionary);
  if (!run || !own || !dictionary) return null;
  const sites = sitesOfDictionary(run, dictionary);
  const others = (own.request.together ?? []).map((name) => dictionaryNamed(run, name));
  refuseTwice([dictionary, ...others]);
  const plan: { readonly [Part in EvaluationPart]: (of: Planned) => Promise<StepUnits | null> } = {
    basis: planBasis,
    sums: planSums,
    table: planTable,
  };
  return plan[own.part]({ run, request: own.request, dictionary, sites, others, step, pinned });
}

/** Whether it is measured beside controls: they reconstruct one site from itself, and say nothing of several dictionaries. */
function isControlled({ sites, others }: Pick<Planned, 'sites' | 'others'>): boolean {
  return hasControls(sites) && others.length === 0;
}

async function planBasis(planned: Planned): Promise<StepUnits | null> {
  const { run, request, step, pinned } = planned;
  const sites = basisSites(planned);
  const read = await readRows({ run, request, sites, pinned });
  if (!read) return null;
  const { fitted, measured, texts } = read;
  const keyed: BasisConfig['keyed'] = {
    part: 'basis',
    activationsKeys: fitted.map(({ snapshot }) => snapshot.key),
    measuredKeys: measured.map(({ snapshot }) => snapshot.key),
    split: request.split,
    components: isControlled(planned) && (sites.widths[0] ?? 0) <= MOST_COMPONENTS,
    dtype: run.file.activations.dtype,
    engine: run.engine,
  };
  const all = [...new Set([...fitted, ...measured, ...(texts ? [texts] : [])])];
  const snapshot = digestOf(all.map(({ commits }) => contentDigest(commits)));
  return oneItem(step, {
    ...{ config: { keyed, aux: { widths: sites.widths } }, snapshot },
    ...{ shard: 'basis', segments: all.flatMap(({ segments }) => segments) },
    size: rowsOf(fitted[0]?.commits ?? [], 'fit'),
  });
}

async function planSums(planned: Planned): Promise<StepUnits | null> {
  const { run, request, dictionary, sites, others, step, pinned } = planned;
  const own = datasetNames(run.name);
  const corpus = request.corpus ?? run;
  const read = await readRows(planned);
  const tokens = await pinned(datasetNames(corpus.name).tokens);
  const basis = await pinned(evaluationDatasets(run.name, request).basis);
  const [weights, acts] = [
    await pinned(own.dictionary(dictionary.name, 'weights')),
    await pinned(own.dictionary(dictionary.name, 'acts')),
  ];
  const model = await readModelFiles(corpus, pinned);
  if (!read || !tokens || !basis || !weights || !acts || !model) return null;
  const file = objectOf(weights.commits, 'weights');
  const basisFile = objectOf(basis.commits, 'basis');
  const leftOut = request.corpus ? objectOf(basis.commits, 'texts') : null;
  const activations = activationsSettings(corpus, model);
  const { name, ...placed } = { ...encodedDictionary(run, dictionary), name: dictionary.name };
  const beside = await weightsOf(planned);
  if (beside === null) return null;
  const components = isControlled(planned) && (sites.widths[0] ?? 0) <= MOST_COMPONENTS;
  const config: SumsConfig = {
    keyed: {
      ...{ part: 'sums', dictionary: file.sha256, basis: basisFile.sha256, split: request.split },
      measuredKeys: read.measured.map(({ snapshot }) => snapshot.key),
      dtype: corpus.file.activations.dtype,
      k: matchedK(acts.commits),
      controls: isControlled(planned) ? controlsOf(components) : [],
      seed: request.seed,
      untrained: isControlled(planned) && !('taken' in dictionary) ? dictionary.sae : null,
      model: activations.keyed,
      lossTokens: LOSS_TOKENS,
      leftOut: leftOut?.sha256 ?? null,
      ...(others.length > 0 && { together: beside.map(({ weights: one }) => one.sha256) }),
      engine: run.engine,
    },
    aux: {
      ...(others.length > 0 && { together: beside, basisSites: basisSites(planned).names }),
      ...placed,
      name,
      weights: file,
      basis: basisFile,
      leftOut,
      model: activations.aux,
    },
  };
  const { key, preimage } = keyOf(evaluateStage, config.keyed);
  const items = sumsItems(key, config, { rows: read.measured, tokens });
  return unitsOf(step, { units: items.map((item) => ({ item, config })), keys: key, preimages: [preimage] });
}

/** The dictionaries that stand beside it, with their weights; null while one is not complete. */
async function weightsOf({ run, others, pinned }: Planned): Promise<EvaluatedDictionary[] | null> {
  const found: EvaluatedDictionary[] = [];
  for (const other of others) {
    const weights = await pinned(datasetNames(run.name).dictionary(other.name, 'weights'));
    if (!weights) return null;
    found.push({ ...encodedDictionary(run, other), name: other.name, weights: objectOf(weights.commits, 'weights') });
  }
  return found;
}

async function planTable({
  run,
  request,
  dictionary,
  sites,
  others,
  step,
  pinned,
}: Planned): Promise<StepUnits | null> {
  const sums = await pinned(evaluationDatasets(run.name, request).sums);
  const weights = await pinned(datasetNames(run.name).dictionary(dictionary.name, 'weights'));
  const model = await modelMetadata(run, pinned);
  if (!sums || !weights || model === null) return null;
  const controlled = isControlled({ sites, others });
  const { randomModel } = request;
  const components = controlled && (sites.widths[0] ?? 0) <= MOST_COMPONENTS;
  const keyed: TableConfig['keyed'] = {
    ...{ part: 'table', sumsKey: sums.snapshot.key, resamples: request.resamples, seed: request.seed },
    deadTraining: deadAfterTraining(weights.commits, featuresOf(dictionary)),
    ...(randomModel && { randomModel: randomModel.table.sha256 }),
  };
  const aux: TableConfig['aux'] = {
    ...{ name: dictionary.name, features: featuresOf(dictionary), split: request.split, model },
    site: sites.names.join(', '),
    controls: controlled ? controlsOf(components) : [],
    ...(randomModel && { randomModel: randomModel.table }),
  };
  return oneItem(step, {
    ...{ config: { keyed, aux }, snapshot: contentDigest(sums.commits) },
    ...{ shard: 'evaluation', segments: sums.segments, size: sums.commits.length },
  });
}

/** Controls are reconstructions of one site from itself. */
function hasControls({ names }: NamedSites): boolean {
  return names.length === 1;
}

function controlsOf(components: boolean): ControlName[] {
  return CONTROL_NAMES.filter((name) => components || !name.startsWith('pca'));
}

interface ReadRows {
  readonly fitted: readonly Pinned[];
  readonly measured: readonly Pinned[];
  /** Documents of the dictionary's own run, where others are measured. */
  readonly texts: Pinned | null;
}

async function readRows({
  run,
  request: { corpus },
  sites,
  pinned,
}: Pick<Planned, 'run' | 'request' | 'sites' | 'pinned'>): Promise<ReadRows | null> {
  const [own, other] = [datasetNames(run.name), datasetNames(corpus?.name ?? run.name)];
  const fitted = await pinAll(sites.names.map(own.activations), pinned);
  const measured = await pinAll(sites.names.map(other.activations), pinned);
  const texts = corpus ? await pinned(own.documents) : null;
  if (!fitted || !measured || (corpus && !texts)) return null;
  const models = [await modelMetadata(run, pinned), await modelMetadata(corpus ?? run, pinned)];
  if (models[0] !== models[1])
    throw new InputError(
      `Expected ${corpus?.name ?? ''} to have the model that ${run.name} was trained on, found another one (${models[1] ?? 'none'} instead of ${models[0] ?? 'none'}). A dictionary is measured on its own model.`,
      { models },
    );
  return { fitted, measured, texts };
}

/** One item of a step that reads pinned commits as a whole. */
function oneItem(
  step: Step,
  of: {
    readonly config: EvaluateConfig;
    readonly snapshot: string;
    readonly shard: string;
    readonly segments: readonly StoredFile[];
    readonly size: number;
  },
): StepUnits {
  const inputs: EvaluateInputs = { snapshot: of.snapshot };
  const { key, preimage } = keyOf(evaluateStage, of.config.keyed, inputs);
  const item: WorkItem<EvaluateInputs> = {
    ...{ stage: 'evaluate', keys: [key], input: digestOf(inputs), inputs, shard: of.shard, split: null },
    ...{ size: of.size, aux: { segments: of.segments } },
  };
  return unitsOf(step, { units: [{ item, config: of.config }], keys: key, preimages: [preimage] });
}

/** L0 of the dictionary on its own test rows (without any, on all), as the nearest whole number; at least 1. */
function matchedK(commits: readonly Commit[]): number {
  const l0 = (own: readonly Commit[]): number => {
    const total = (name: string): number => own.reduce((sum, { statistics }) => sum + Number(statistics[name] ?? 0), 0);
    return total('firings') / total('rows');
  };
  const test = commits.filter(({ split }) => split === 'test');
  const value = test.some(({ statistics }) => Number(statistics['rows'] ?? 0) > 0) ? l0(test) : l0(commits);
  return Math.max(1, Math.round(Number.isFinite(value) ? value : 1));
}

/** Features that had not fired for the training's window when it ended; null where no training of ours says it. */
function deadAfterTraining(commits: readonly Commit[], features: number): number | null {
  const last = commits[0]?.statistics['fit'];
  const share = last !== null && typeof last === 'object' ? (last as { deadFraction?: unknown }).deadFraction : null;
  return typeof share === 'number' && Number.isFinite(share) ? Math.round(share * features) : null;
}

function objectOf(commits: readonly Commit[], table: string): StoredFile {
  const object = commits.flatMap(({ objects }) => objects).find((o) => o.table === table);
  if (object) return { key: object.key, sha256: object.sha256, bytes: object.bytes };
  throw new DataError(`Expected an object "${table}" among the commits, found none; run the command again.`, { table });
}
