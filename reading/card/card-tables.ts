// What the tables `promoted` and `neighbours` say of one feature, as a card shows it.
import type { z } from 'zod';
import type { featureCard } from '../../schemas/documents/cards.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readProfileRow } from '../dictionary/profile-rows.js';
import type { ProfileObjects } from '../dictionary/profile-tables.js';
import type { FeatureLabels } from '../labels/feature-labels.js';

export type FeatureCard = z.infer<typeof featureCard>;

interface Pair {
  readonly id: number;
  readonly value: number;
}

interface Pairs {
  readonly offsets: Uint32Array;
  readonly value: Float32Array;
}

export interface TableRequest {
  readonly store: ObjectStore;
  readonly profile: ProfileObjects;
  readonly feature: number;
}

/** Null where the table has no row of the feature. */
export async function readPromoted(
  { store, profile, feature }: TableRequest,
  textsOf: (ids: readonly number[]) => Promise<readonly (string | null)[]>,
): Promise<FeatureCard['promoted']> {
  const found = await readProfileRow(
    { store, table: 'promoted', objects: profile.promoted },
    feature,
    (columns, row) => {
      const { raised, lowered, tokenShare } = columns;
      const share = tokenShare[row] as number;
      return {
        raised: pairs(raised, raised.token, row),
        lowered: pairs(lowered, lowered.token, row),
        tokenShare: Number.isNaN(share) ? null : share,
      };
    },
  );
  if (found === null) return null;
  const named = async (list: readonly Pair[]): Promise<NonNullable<FeatureCard['promoted']>['raised']> => {
    const texts = await textsOf(list.map(({ id }) => id));
    return list.map(({ id, value }, i) => ({ id, token: texts[i] ?? null, value }));
  };
  return { raised: await named(found.raised), lowered: await named(found.lowered), tokenShare: found.tokenShare };
}

/** Null where the table has no row of the feature. */
export async function readNeighbours(
  { store, profile, feature }: TableRequest,
  labels: FeatureLabels,
): Promise<FeatureCard['neighbours']> {
  const source = { store, table: 'neighbours', objects: profile.neighbours } as const;
  const found = await readProfileRow(source, feature, ({ cosine, together }, row) => ({
    cosine: pairs(cosine, cosine.feature, row),
    together: pairs(together, together.feature, row),
  }));
  if (found === null) return null;
  const names = await labels.of([...found.cosine, ...found.together].map(({ id }) => id));
  const named = (list: readonly Pair[]): NonNullable<FeatureCard['neighbours']>['cosine'] =>
    list.map(({ id, value }) => ({ feature: id, label: names.get(id)?.label ?? null, value }));
  return { cosine: named(found.cosine), together: named(found.together) };
}

function pairs({ offsets, value }: Pairs, ids: Uint32Array, row: number): Pair[] {
  const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
  return Array.from({ length: to - from }, (_, i) => ({
    id: ids[from + i] as number,
    value: value[from + i] as number,
  }));
}
