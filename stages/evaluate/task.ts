// The evaluate stage's tasks in the compute child.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type DictionaryShape, parametersOf } from '../../core/dictionaries/state.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import type { ChildTasks } from '../../runtime/child/serve.js';
import { DataError } from '../../schemas/errors.js';
import { SafetensorsFile } from '../../storage/files/safetensors-file.js';
import { readTable } from '../../storage/tables/read.js';
import type { ChildOutput } from '../stage.js';
import { readBasis } from './basis-file.js';
import { makeBasis, TEXT_DIGEST_BYTES, textDigest } from './basis-task.js';
import { type LoadedDictionary, measureLosses, type LossesByDocument } from './measure-losses.js';
import { measureRows, type MeasuredShard, placedAs, placedDictionary } from './measure-rows.js';
import { EVALUATE_TASKS, type SumsRequest } from './messages.js';
import { LOSS_COLUMNS, type ShardSums, writeSums } from './sums-file.js';
import { NUMBERS } from '../../core/dictionaries/evaluate-graph.js';
import { makeTable } from './table-task.js';

export const evaluateTasks = {
  [EVALUATE_TASKS.basis]: makeBasis,
  [EVALUATE_TASKS.sums]: makeSums,
  [EVALUATE_TASKS.table]: makeTable,
} satisfies ChildTasks;

async function makeSums(request: SumsRequest, context: ChildContext): Promise<ChildOutput> {
  const { config, spool, key, shard } = request;
  const { aux } = config;
  const basis = await readBasis(request.basis, (aux.basisSites ?? aux.sites.names).length);
  const weights = await readWeights(request.weights, placedDictionary(config));
  const together: LoadedDictionary[] = [];
  for (const [i, own] of (aux.together ?? []).entries()) {
    const placed = placedAs(`dictionary.${i + 1}`, own);
    const loaded = await readWeights(request.together[i] ?? '', placed);
    together.push({ dictionary: { ...placed, sites: own.sites }, weights: loaded });
  }
  const leftOut = await leftOutDocuments(request);
  const of = { basis, weights, together, isLeftOut: (doc: number) => leftOut.has(doc) };
  const measured = await measureRows(request, of, context);
  const losses = await measureLosses(request, of, context);
  const sums = joinSums(measured, losses);
  const metadata = { key, dictionary: config.keyed.dictionary, basis: config.keyed.basis };
  const file = await writeSums(path.join(spool, 'sums.safetensors'), sums, metadata);
  const rows = sums.rows.reduce((total, value, i) => total + (i % 2 === 0 ? value : 0), 0);
  return {
    files: [{ ...file, shard }],
    statistics: { rows, documents: measured.documents.length, leftOut: leftOut.size, losses: losses !== null },
  };
}

/** Sums of rows and losses side by side, over all documents that have either. */
function joinSums(measured: MeasuredShard, losses: LossesByDocument | null): ShardSums {
  const documents = [...new Set([...measured.documents, ...(losses?.keys() ?? [])])].sort((a, b) => a - b);
  const place = new Map(documents.map((doc, i) => [doc, i]));
  const spread = (values: Float64Array, columns: number): Float64Array => {
    const result = new Float64Array(documents.length * columns);
    measured.documents.forEach((doc, i) => {
      result.set(values.subarray(i * columns, (i + 1) * columns), (place.get(doc) as number) * columns);
    });
    return result;
  };
  const lost = losses && new Float64Array(documents.length * LOSS_COLUMNS.length);
  if (losses && lost) for (const [doc, own] of losses) lost.set(own, (place.get(doc) as number) * LOSS_COLUMNS.length);
  return {
    documents: Float64Array.from(documents),
    rows: spread(measured.rows, 2),
    shift: measured.shift,
    subjects: new Map([...measured.subjects].map(([name, values]) => [name, spread(values, NUMBERS.length)])),
    losses: lost,
    fired: measured.fired,
  };
}

async function readWeights(weights: string, dictionary: DictionaryShape): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(weights);
  try {
    const found = new Map<string, Float32Array>();
    for (const { name, shape } of parametersOf(dictionary)) {
      const tensor = await file.read(name);
      if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join())
        throw new DataError(
          `Expected dictionary tensor ${name} of shape [${shape.join(', ')}], found ${tensor ? `${tensor.dtype} [${tensor.shape.join(', ')}]` : 'none'} in ${weights}.`,
          { tensor: name },
        );
      found.set(name, new Float32Array(tensor.bytes.buffer));
    }
    return found;
  } finally {
    await file.close();
  }
}

/** Documents whose text lies in what the dictionary was fitted to. */
async function leftOutDocuments({ leftOut, documents }: SumsRequest): Promise<Set<number>> {
  if (leftOut === null) return new Set();
  const bytes = await readFile(leftOut);
  const known = new Set<string>();
  for (let at = 0; at < bytes.length; at += TEXT_DIGEST_BYTES)
    known.add(bytes.subarray(at, at + TEXT_DIGEST_BYTES).toString('hex'));
  const found = new Set<number>();
  for (const file of documents) {
    const { columns } = await readTable('documents', file);
    columns.text.forEach((text, i) => {
      if (known.has(textDigest(text))) found.add(columns.doc[i] as number);
    });
  }
  return found;
}
