// Reads the statistics of encode commits: plain numbers and arrays in base64. Pure.
import { DataError } from '../../schemas/errors.js';

type Statistics = Readonly<Record<string, unknown>>;

/** A number of a commit's statistics. @throws DataError that names the commit and the statistic */
export function numberOf(statistics: Statistics, name: string, shard: string): number {
  const value = statistics[name];
  if (typeof value === 'number') return value;
  throw missing({ name, shard }, 'a number', value);
}

/** A Float64Array of a commit's statistics. @throws DataError that names the commit and the statistic */
export function decodeFloats(statistics: Statistics, name: string, shard: string): Float64Array {
  return new Float64Array(decodeBytes(statistics[name], { name, shard }, 8));
}

/** A Uint32Array of a commit's statistics. @throws DataError that names the commit and the statistic */
export function decodeIntegers(statistics: Statistics, name: string, shard: string): Uint32Array {
  return new Uint32Array(decodeBytes(statistics[name], { name, shard }, 4));
}

function decodeBytes(
  text: unknown,
  where: { name: string; shard: string },
  unit: number,
): ArrayBuffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : null;
  if (!bytes || bytes.length % unit !== 0)
    throw missing(where, `base64 of ${unit}-byte numbers`, text);
  return new Uint8Array(bytes).buffer;
}

function missing(
  { name, shard }: { name: string; shard: string },
  expected: string,
  got: unknown,
): DataError {
  return new DataError(
    `Expected ${expected} as statistic "${name}" of encode commit ${shard}, got ${typeof got}; run \`assay resume --mode all\` to encode it again.`,
    { shard, statistic: name },
  );
}
