// The labelled rows of a dictionary: which are drawn, then their activations and what fires on them. Two passes over the encoded shards
// and one over the activations; what is held is what was drawn.
import { halfsToFloats } from '../../core/tensor/half.js';
import type { ProbeRows } from '../../core/dictionaries/probes/probe-rows.js';
import { DataError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import { type DrawnRow, RowDraw } from './draw-rows.js';
import type { LabelSource } from './label-source.js';

/** Splits whose rows are taken: probes are fitted to one and scored on the other. */
export const PROBE_SPLITS = ['fit', 'test'] as const;
export type ProbeSplit = (typeof PROBE_SPLITS)[number];

/** Classes at most. */
const MOST_CLASSES = 200;

export interface LabelledObjects {
  /** Of the encoded shards. */
  readonly acts: readonly ObjectRecord[];
  /** Of the tokens commits: tokens and documents. */
  readonly tokens: readonly ObjectRecord[];
  readonly read: ReadOptions;
  /** Text of a token by its id; null where it stands for none. */
  readonly textOf: (token: number) => string | null;
}

export interface Drawn {
  /** Names of the classes, in the order of their numbers. */
  readonly classes: readonly string[];
  readonly rows: Readonly<Record<ProbeSplit, readonly DrawnRow[]>>;
  /** Labelled rows of each class in each split. */
  readonly counts: Readonly<Record<ProbeSplit, (label: number) => number>>;
  /** Ids of documents that were met. */
  readonly met: number;
}

/** Which rows are drawn. @throws DataError where there are more than 200 classes */
export async function drawRows(
  objects: LabelledObjects,
  source: LabelSource,
  { most, seed }: { readonly most: number; readonly seed: number },
): Promise<Drawn> {
  const numbers = new Map<string, number>();
  const draws = { fit: new RowDraw(most, seed), test: new RowDraw(most, seed) };
  const met = new Set<string>();
  for (const shard of shardsOf(objects.acts)) {
    const documents = await readDocuments(objects, shard, source);
    for await (const { columns } of readBatches(
      'acts',
      planRanges(inShard(objects.acts, 'acts', shard), {}),
      objects.read,
    )) {
      columns.doc.forEach((doc, row) => {
        const own = documents.get(doc);
        if (!own) return;
        const pos = columns.pos[row] as number;
        const token = own.tokens ? objects.textOf(own.tokens[pos] as number) : null;
        const label = source.labelOf({ id: own.id, pos, token });
        if (label === null) return;
        met.add(own.id);
        draws[own.split].add(doc, pos, numberOf(numbers, label));
      });
    }
  }
  return {
    classes: [...numbers.keys()],
    rows: { fit: draws.fit.rows, test: draws.test.rows },
    counts: { fit: (label) => draws.fit.count(label), test: (label) => draws.test.count(label) },
    met: met.size,
  };
}

function numberOf(numbers: Map<string, number>, label: string): number {
  const known = numbers.get(label);
  if (known !== undefined) return known;
  if (numbers.size === MOST_CLASSES)
    throw new DataError(
      `Expected at most ${MOST_CLASSES} classes, found more ("${label}" is another one); give labels that several documents share.`,
      { label },
    );
  numbers.set(label, numbers.size);
  return numbers.size - 1;
}

interface LabelledDocument {
  readonly id: string;
  readonly split: ProbeSplit;
  readonly tokens: Uint32Array | null;
}

/** The documents of a shard that labels may be of. */
async function readDocuments(
  { tokens, read }: LabelledObjects,
  shard: string,
  source: LabelSource,
): Promise<Map<number, LabelledDocument>> {
  const ids = new Map<number, Uint32Array>();
  if (source.byToken)
    for await (const { columns } of readBatches('tokens', planRanges(inShard(tokens, 'tokens', shard), {}), read))
      columns.doc.forEach((doc, row) =>
        ids.set(doc, columns.ids.slice(columns.offsets[row], columns.offsets[row + 1])),
      );
  const documents = new Map<number, LabelledDocument>();
  for await (const { columns } of readBatches('documents', planRanges(inShard(tokens, 'documents', shard), {}), read))
    columns.doc.forEach((doc, row) => {
      const [id, split] = [columns.id[row] ?? '', columns.split[row] as string];
      if ((split !== 'fit' && split !== 'test') || source.ids?.has(id) === false) return;
      documents.set(doc, { id, split, tokens: ids.get(doc) ?? null });
    });
  return documents;
}

/** Activations and firings of drawn rows. @param activations objects of the site that the dictionary reads */
export async function gatherRows(
  { acts, read }: LabelledObjects,
  activations: readonly ObjectRecord[],
  { rows, width }: { readonly rows: readonly DrawnRow[]; readonly width: number },
): Promise<ProbeRows> {
  const place = new Map(rows.map(({ doc, pos }, i) => [keyOf(doc, pos), i]));
  const docs = { doc: { in: [...new Set(rows.map(({ doc }) => doc))] } };
  const act = new Float32Array(rows.length * width);
  const seen = new Uint8Array(rows.length);
  const options = { ...read, width };
  for await (const { columns } of readBatches('activations', planRanges(activations, {}), options)) {
    columns.doc.forEach((doc, row) => {
      const i = place.get(keyOf(doc, columns.pos[row] as number));
      if (i === undefined) return;
      const own = columns.act.subarray(row * width, (row + 1) * width);
      act.set(own instanceof Uint16Array ? halfsToFloats(own) : own, i * width);
      seen[i] = 1;
    });
  }
  const missing = seen.indexOf(0);
  if (missing >= 0) {
    const { doc, pos } = rows[missing] as DrawnRow;
    throw new DataError(
      `Expected the activations of token ${pos} of document ${doc}, which is encoded, found none; run \`assay resume --mode all\`.`,
      { doc, pos },
    );
  }
  return {
    ...{
      rows: rows.length,
      width,
      act,
      firing: await readFirings(
        planRanges(
          acts.filter(({ table }) => table === 'acts'),
          docs,
        ),
        place,
        read,
      ),
    },
    label: Uint16Array.from(rows, ({ label }) => label),
    doc: Uint32Array.from(rows, ({ doc }) => doc),
    draw: Float64Array.from(rows, ({ draw }) => draw),
  };
}

async function readFirings(
  plan: ReturnType<typeof planRanges>,
  place: ReadonlyMap<number, number>,
  read: ReadOptions,
): Promise<ProbeRows['firing']> {
  const found: { readonly feature: Uint32Array; readonly value: Float32Array }[] = [];
  for await (const { columns } of readBatches('acts', plan, read)) {
    const { offsets, feature, value } = columns.features;
    columns.doc.forEach((doc, row) => {
      const i = place.get(keyOf(doc, columns.pos[row] as number));
      if (i === undefined) return;
      const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
      found[i] = { feature: feature.slice(from, to), value: halfsToFloats(value.slice(from, to)) };
    });
  }
  const offsets = new Uint32Array(place.size + 1);
  for (let i = 0; i < place.size; i++) offsets[i + 1] = (offsets[i] as number) + (found[i]?.feature.length ?? 0);
  const total = offsets[place.size] as number;
  const firing = { offsets, feature: new Uint32Array(total), value: new Float32Array(total) };
  found.forEach((row, i) => {
    firing.feature.set(row.feature, offsets[i]);
    firing.value.set(row.value, offsets[i]);
  });
  return firing;
}

/** Positions are below 2^21. */
function keyOf(doc: number, pos: number): number {
  return doc * 2 ** 21 + pos;
}

function shardsOf(acts: readonly ObjectRecord[]): string[] {
  return [...new Set(acts.filter(({ table }) => table === 'acts').map(({ shard }) => shard))].sort();
}

function inShard(objects: readonly ObjectRecord[], table: string, shard: string): ObjectRecord[] {
  return objects.filter((object) => object.table === table && object.shard === shard);
}
