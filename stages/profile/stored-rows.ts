// Reads which rows are stored from the tokens of all shards, one shard at a time, and checks their number against what was encoded.
import type { ChildContext } from '../../runtime/child/protocol.js';
import { DataError } from '../../schemas/errors.js';
import { readTokensTable } from '../../storage/tables/read.js';
import type { ProfileKeyed } from './config.js';
import type { ProfiledShard, ProfileRequest } from './messages.js';
import { RowPlaces } from './row-places.js';

type Ruled = Extract<ProfileKeyed, { readonly rows: unknown }>;

/** A place for the rows of shards, by the rule of the extraction. */
export function newPlaces({ rows }: Ruled): RowPlaces {
  const { contextTokens, prepended, packing, dropPositions, dropTokens } = rows;
  return new RowPlaces({ packing: { contextTokens, prepended, packing }, dropPositions, dropTokens });
}

/**
 * The rows of the wanted shards, in document order; `each` is told the token of every row.
 * @throws DataError where a shard's rows are not those that were encoded
 */
export async function readPlaces(
  { keyed, shards }: Pick<ProfileRequest<Ruled>, 'keyed' | 'shards'>,
  context: ChildContext,
  { wanted = () => true, each }: { wanted?: (shard: ProfiledShard) => boolean; each?: (token: number) => void } = {},
): Promise<RowPlaces> {
  const places = newPlaces(keyed);
  for (const [index, shard] of shards.entries()) {
    // Asked for all the same: files are fetched ahead in order.
    const files = await context.ask<string[]>('tokens', { index });
    if (!wanted(shard)) continue;
    const tables = [];
    for (const file of files) tables.push(await readTokensTable(file));
    const rows = places.add(tables, each);
    if (rows !== shard.rows) throw otherRows(shard, rows);
    context.alive();
  }
  return places;
}

function otherRows({ shard, rows }: ProfiledShard, found: number): DataError {
  return new DataError(
    `Expected ${rows} stored rows in shard ${shard} as it was encoded, found ${found} by its tokens; they do not belong together: run \`assay verify\` on both datasets.`,
    { shard, expected: rows, found },
  );
}
