// How much memory the compute children of a run's trainings, encodings and indexes are likely to need, before work starts. Reads a resolved run
// alone; the numbers are for warnings and plans, never for reports.
//   train  = stages/train/memory.ts on a processor; else BASE + Σ 3·W + 2·3·W₁ + 2·W₁ + 4·B·F·Z + R·Σw·v + rows of the calib split
//   encode = BASE + 2·W + 3·z + 2·T·Σw·v
//   index  = BASE + 48·p + 24·F       p = min(firings, 8 million): the postings of a range
//   routes = BASE + N·(4 + v)·w + 4·N·E             N rows of the sample, E experts; an expert trains as a dictionary of F / E features
//   profile = BASE + max(48·p, 2·W_dec + 8·min(firings, 2^26) + 128 MiB where neighbours are made)
// W bytes of a dictionary's encoders and decoders in float32, three times with the optimiser's moments (W₁: the largest, whose state
// a step carries and returns beside what it was given, with its gradients); B rows of a batch, F features, Z dense tensors of that
// shape; R rows of a super-buffer, w width of a site, v bytes of a value; z one dense tensor of a forward pass; T rows of a shard; firings of the whole
// corpus by its bytes.
// Measured, one step of topk: 0.82 GB where the formula gives 1.16 (F 16,384, d 512, B 1,024), 1.60 where it gives 2.12 (65,536, 256,
// 512): it errs on the side of a warning.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { expertSettings } from '../../core/dictionaries/settings.js';
import { wiringFlags } from '../../core/dictionaries/sites.js';
import type { ResolvedRun, TrainedDictionary } from '../../schemas/resolved-run.js';
import { RANGE_POSTINGS } from '../../stages/index/plan.js';
import { COMPRESSION } from '../../stages/nominal-speed.js';
import { NEIGHBOURS_UP_TO } from '../../stages/profile/stage.js';
import {
  dictionariesOf,
  featuresOf,
  frozenOf,
  sitesOfDictionary,
  trainedSites,
  workOfDictionary,
} from '../../stages/train/dictionary.js';
import { CHILD_BYTES, largestText, mostFeatures, type Trained, trainingBytes } from '../../stages/train/memory.js';
import { routedSubject } from '../../stages/train/routed/names.js';
import { sampleRows } from '../../stages/train/routed/sample.js';

const MOMENTS = 3;
const DENSE_TENSORS = 4;
const SUPERBUFFER_ROWS = 64 * 4096;
const CALIB_ROWS = 65_536;
/** Dense features of one forward pass of the encode stage, and how many such tensors are alive. */
const PASS_BYTES = 3 * 64 * 2 ** 20;
/** A posting in a run, in the merged block and in the tables being written. */
const POSTING_BYTES = 48;
/** Sums of the metrics: firings of each feature in three splits, float64. */
const FEATURE_BYTES = 24;
/** Firings that `neighbours` holds at most, by row and by feature. */
const TOGETHER_FIRINGS = 2 ** 26;

export interface ChildMemory {
  /** Id of the step. */
  readonly step: string;
  readonly bytes: number;
}

/** What a child of each train and encode step is likely to need, in the order of the run. */
export function childMemory(run: ResolvedRun): ChildMemory[] {
  const trained = trainedSites(run).map((subject) => ({
    step: `train@${subject}`,
    bytes: trainBytes(run, dictionariesOf(run, subject)),
  }));
  const routed = frozenOf(run).flatMap((dictionary) => [
    { step: `train@${routedSubject(dictionary.name, 'routes')}`, bytes: routesBytes(run, dictionary) },
    { step: `train@${routedSubject(dictionary.name, 'experts')}`, bytes: trainBytes(run, [dictionary]) },
  ]);
  const encoded = run.dictionaries.map((dictionary) => ({
    step: `encode@${dictionary.name}`,
    bytes: encodeBytes(run, dictionary),
  }));
  const indexed = run.dictionaries.flatMap((dictionary) => [
    { step: `index@${dictionary.name}`, bytes: indexBytes(run, dictionary) },
    { step: `profile@${dictionary.name}`, bytes: profileBytes(run, dictionary) },
  ]);
  return [...trained, ...routed, ...encoded, ...indexed];
}

type Dictionary = ResolvedRun['dictionaries'][number];

/** Firings on the whole corpus, by its bytes. */
function firingsOf(run: ResolvedRun, dictionary: Dictionary): number {
  const textBytes = run.parts.reduce(
    (n, { bytes, compression }) => n + bytes * (compression === 'none' ? 1 : COMPRESSION),
    0,
  );
  return (textBytes / BYTES_PER_TOKEN) * workOfDictionary(run, dictionary).firings;
}

function indexBytes(run: ResolvedRun, dictionary: Dictionary): number {
  const postings = Math.min(firingsOf(run, dictionary), RANGE_POSTINGS);
  return Math.ceil(CHILD_BYTES + POSTING_BYTES * postings + FEATURE_BYTES * featuresOf(dictionary));
}

function profileBytes(run: ResolvedRun, dictionary: Dictionary): number {
  const features = featuresOf(dictionary);
  const firings = firingsOf(run, dictionary);
  const tables = POSTING_BYTES * Math.min(firings, RANGE_POSTINGS);
  if (features > (run.file.index.neighboursUpTo ?? NEIGHBOURS_UP_TO)) return Math.ceil(CHILD_BYTES + tables);
  const decoder = workOfDictionary(run, dictionary).weightBytes / 2;
  const together = 8 * Math.min(firings, TOGETHER_FIRINGS) + 128 * 2 ** 20;
  return Math.ceil(CHILD_BYTES + Math.max(tables, 2 * decoder + together));
}

/** The sample of rows as stored and as floats, and its scores. */
function routesBytes(run: ResolvedRun, dictionary: TrainedDictionary): number {
  const width = sitesOfDictionary(run, dictionary).widths[0] ?? 0;
  const experts = dictionary.sae.routed?.experts ?? 1;
  const rows = sampleRows({ width, experts });
  return CHILD_BYTES + rows * (rowBytes(run, dictionary) + 4 * width + 4 * experts);
}

/** Dictionaries that are trained together; of frozen experts one. */
function trainBytes(run: ResolvedRun, own: readonly TrainedDictionary[]): number {
  const [first] = own;
  if (!first) return 0;
  const byGraph = run.engine.provider !== 'cpu' || own.some(({ sae }) => sae.routed?.kind === 'learned');
  if (!byGraph) return trainingBytes(own.map((dictionary) => trainedAs(run, dictionary)));
  const parts = ({ sae }: TrainedDictionary): number => (sae.routed?.kind === 'frozen' ? sae.routed.experts : 1);
  const weights = own.map((dictionary) => workOfDictionary(run, dictionary).weightBytes / parts(dictionary));
  const largest = Math.max(...weights);
  const dense = Math.max(...own.map((one) => (4 * one.sae.batchRows * featuresOf(one) * DENSE_TENSORS) / parts(one)));
  const state = MOMENTS * weights.reduce((sum, bytes) => sum + bytes, 0) + (2 * MOMENTS + 2) * largest;
  return CHILD_BYTES + state + dense + (SUPERBUFFER_ROWS + CALIB_ROWS) * rowBytes(run, first);
}

/** A dictionary as it is trained; of frozen experts one. */
function trainedAs(run: ResolvedRun, { name, reads, writes, sae }: TrainedDictionary): Trained {
  const { widths, ...places } = sitesOfDictionary(run, { name, reads, writes, sae });
  const own = expertSettings(sae);
  const sites = { widths, reads: places.reads, writes: places.writes, ...wiringFlags(own) };
  const shape = { kind: ARCHITECTURES[sae.architecture], sites, features: featuresOf({ reads, sae: own }) };
  return { name, shape, sae: own, engine: run.engine, dtype: run.file.activations.dtype };
}

function encodeBytes(run: ResolvedRun, dictionary: ResolvedRun['dictionaries'][number]): number {
  const rows = 2 * run.file.corpus.shardTokens * rowBytes(run, dictionary);
  return CHILD_BYTES + 2 * workOfDictionary(run, dictionary).weightBytes + PASS_BYTES + rows;
}

function rowBytes(run: ResolvedRun, dictionary: ResolvedRun['dictionaries'][number]): number {
  const valueBytes = run.file.activations.dtype === 'float16' ? 2 : 4;
  return valueBytes * sitesOfDictionary(run, dictionary).widths.reduce((sum, width) => sum + width, 0);
}

/** Sentences for people: what each kind of child needs at most, and a warning where that is more than a child may have. */
export function childMemoryNotes(
  run: ResolvedRun,
  ceilingBytes: number,
): { readonly said: string; readonly warning: string | null } {
  const all = childMemory(run);
  const most = ['train', 'encode', 'index', 'profile'].flatMap((stage) => {
    const own = all.filter(({ step }) => step.startsWith(`${stage}@`)).sort((a, b) => b.bytes - a.bytes);
    return own.slice(0, 1);
  });
  const said = `Memory of a compute child, estimated: ${most.map(({ step, bytes }) => `${step} ${megabytes(bytes)} MB`).join(', ')}; a worker on this machine gives a child ${megabytes(ceilingBytes)} MB by itself.`;
  const above = all.filter(({ bytes }) => bytes > ceilingBytes);
  const [worst] = [...above].sort((a, b) => b.bytes - a.bytes);
  if (!worst) return { said, warning: null };
  const others = above.length > 1 ? ` (and ${above.length - 1} more)` : '';
  const largest = largestThatFits(run, worst.step, ceilingBytes);
  const warning = `${worst.step}${others} is likely to need about ${megabytes(worst.bytes)} MB in one compute child, more than the ${megabytes(ceilingBytes)} MB that a worker on this machine gives it by itself: it would be stopped.${largest} Start workers with fewer --slots or a larger --memory, or lower saes.features or saes.batchRows.`;
  return { said, warning };
}

/** For a training: the most features of its widest dictionary. */
function largestThatFits(run: ResolvedRun, step: string, ceilingBytes: number): string {
  const subject = trainedSites(run).find((own) => `train@${own}` === step);
  if (subject === undefined || run.engine.provider !== 'cpu') return '';
  const trained = dictionariesOf(run, subject).map((dictionary) => trainedAs(run, dictionary));
  const [widest] = [...trained].sort((a, b) => b.shape.features - a.shape.features);
  return widest ? ` ${largestText(mostFeatures(trained, widest, ceilingBytes))}` : '';
}

function megabytes(bytes: number): string {
  return String(Math.ceil(bytes / 2 ** 20));
}
