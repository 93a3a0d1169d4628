// Plans the steps that make a dictionary of frozen experts. Pure: a function of pinned commits and of the run.
import { digestOf } from '../../../core/identity/digest.js';
import type { Commit } from '../../../schemas/records.js';
import type { ResolvedRun, TrainedDictionary } from '../../../schemas/resolved-run.js';
import type { StoredFile } from '../../../schemas/stored.js';
import { modelMetadata } from '../../activations/run-model-files.js';
import { datasetNames } from '../../dataset-names.js';
import { keyOf, type StageDefinition } from '../../definition.js';
import type { WorkItem } from '../../stage.js';
import { contentDigest, unitsOf, type Pinned, type PinnedReader, type Step, type StepUnits } from '../../step.js';
import { sitesOfDictionary } from '../dictionary.js';
import type { RoutedConfig, RoutedInputs, RoutesConfig, RowsConfig } from './config.js';
import { expertShard, routedDatasets, type RoutedPart } from './names.js';

export interface RoutedPlan {
  readonly run: ResolvedRun;
  readonly dictionary: TrainedDictionary;
  readonly part: RoutedPart;
  readonly step: Step;
  readonly pinned: PinnedReader;
  /** Name and version of the train stage. */
  readonly stage: Pick<StageDefinition<never>, 'name' | 'version'>;
}

/** What all parts are made from. */
interface Planned extends RoutedPlan {
  readonly activations: Pinned;
  readonly site: string;
  readonly width: number;
  readonly experts: number;
  readonly model: string;
}

/** Everything that the step plans; null while something that it reads is not complete. */
export async function planRouted(of: RoutedPlan): Promise<StepUnits | null> {
  const { run, dictionary, pinned } = of;
  const { names, widths } = sitesOfDictionary(run, dictionary);
  const [site = ''] = names;
  const activations = await pinned(datasetNames(run.name).activations(site));
  const model = await modelMetadata(run, pinned);
  const { routed } = dictionary.sae;
  if (!activations || model === null || !routed) return null;
  const planned = { ...of, activations, site, width: widths[0] ?? 0, experts: routed.experts, model };
  const plan: { readonly [Part in RoutedPart]: (of: Planned) => Promise<StepUnits | null> | StepUnits } = {
    routes: planRoutes,
    rows: planRows,
    experts: planExperts,
    join: planJoin,
  };
  return plan[of.part](planned);
}

function planRoutes(of: Planned): StepUnits {
  const { run, activations, site, width, experts, model } = of;
  const config: RoutesConfig = {
    keyed: {
      ...{ part: 'routes', activationsKey: activations.snapshot.key, dtype: run.file.activations.dtype },
      ...{ runSeed: run.file.seed, experts, engine: run.engine },
    },
    aux: { width, site, model },
  };
  const fitted = activations.commits.filter(({ split }) => split !== 'test');
  const size = rowsOf(fitted.filter(({ split }) => split === 'fit'));
  return wholeUnits(of, { config, snapshot: contentDigest(fitted), shard: 'routes', size, from: activations });
}

async function planRows(of: Planned): Promise<StepUnits | null> {
  const { run, dictionary, activations, experts, stage, step } = of;
  const routes = await routesOf(of);
  if (!routes) return null;
  const config: RowsConfig = {
    keyed: {
      ...{ part: 'rows', routes: routes.sha256, activationsKey: activations.snapshot.key },
      ...{ dtype: run.file.activations.dtype, experts, engine: run.engine },
    },
    aux: { ...placeOf(of), name: dictionary.name, routes },
  };
  const { key, preimage } = keyOf(stage, config.keyed);
  const units = activations.commits
    .filter(({ split }) => split !== 'test')
    .map((commit) => ({ item: rowsItem(key, commit), config }));
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

function rowsItem(key: string, commit: Commit): WorkItem<RoutedInputs> {
  const objects = commit.objects.filter(({ table }) => table === 'activations');
  const inputs = { activations: objects.map(({ sha256 }) => sha256) };
  return {
    ...{ stage: 'train', keys: [key], input: digestOf(inputs), inputs, shard: commit.shard, split: commit.split },
    ...{ size: rowsOf([commit]), aux: { objects } },
  };
}

async function planExperts(of: Planned): Promise<StepUnits | null> {
  const { run, dictionary, experts, pinned, stage, step } = of;
  const routes = await routesOf(of);
  const rows = await pinned(routedDatasets(run.name, dictionary.name).rows);
  if (!routes || !rows) return null;
  const config = { keyed: { part: 'experts', ...trainedOf(of, routes) }, aux: { ...placeOf(of), name: dictionary.name, routes } } as const satisfies RoutedConfig; // prettier-ignore
  const snapshot = contentDigest(rows.commits);
  const { key, preimage } = keyOf(stage, config.keyed, { snapshot });
  const units = Array.from({ length: experts }, (_, expert) => {
    const inputs = { snapshot, expert };
    const item: WorkItem<RoutedInputs> = {
      ...{ stage: 'train', keys: [key], input: digestOf(inputs), inputs, shard: expertShard(expert), split: null },
      ...{ size: Math.floor(dictionary.sae.tokens / experts), aux: { segments: rows.segments } },
    };
    return { item, config };
  });
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

async function planJoin(of: Planned): Promise<StepUnits | null> {
  const { run, dictionary, pinned } = of;
  const routes = await routesOf(of);
  const trained = await pinned(routedDatasets(run.name, dictionary.name).experts);
  if (!routes || !trained) return null;
  const config = { keyed: { part: 'join', ...trainedOf(of, routes) }, aux: { ...placeOf(of), name: dictionary.name, routes } } as const satisfies RoutedConfig; // prettier-ignore
  const snapshot = contentDigest(trained.commits);
  return wholeUnits(of, { config, snapshot, shard: 'all', size: trained.commits.length, from: trained });
}

/** Settings that the experts and their dictionary have alike. */
function trainedOf({ run, dictionary, activations, site }: Planned, routes: StoredFile) {
  return {
    ...{ site, activationsKey: activations.snapshot.key, routes: routes.sha256 },
    ...{ dtype: run.file.activations.dtype, runSeed: run.file.seed, sae: dictionary.sae, engine: run.engine },
  };
}

function placeOf({ width, site, model }: Planned): RoutesConfig['aux'] {
  return { width, site, model };
}

/** One item that reads pinned commits as a whole. */
function wholeUnits(
  { stage, step }: Planned,
  of: {
    readonly config: RoutedConfig;
    readonly snapshot: string;
    readonly shard: string;
    readonly size: number;
    readonly from: Pinned;
  },
): StepUnits {
  const inputs = { snapshot: of.snapshot };
  const { key, preimage } = keyOf(stage, of.config.keyed, inputs);
  const item: WorkItem<RoutedInputs> = {
    ...{ stage: 'train', keys: [key], input: digestOf(inputs), inputs, shard: of.shard, split: null },
    ...{ size: of.size, aux: { segments: of.from.segments } },
  };
  return unitsOf(step, { units: [{ item, config: of.config }], keys: key, preimages: [preimage] });
}

/** The published routes; null while there are none. */
async function routesOf({ run, dictionary, pinned }: Planned): Promise<StoredFile | null> {
  const found = await pinned(routedDatasets(run.name, dictionary.name).routes);
  const object = found?.commits.flatMap(({ objects }) => objects).find(({ table }) => table === 'routes');
  return object ? { key: object.key, sha256: object.sha256, bytes: object.bytes } : null;
}

function rowsOf(commits: readonly Commit[]): number {
  return commits.reduce((sum, { statistics }) => sum + Number(statistics['rows'] ?? 0), 0);
}
