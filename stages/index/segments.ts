// Decodes the segments of a pinned snapshot that lie in the local cache.
import { DataError } from '../../schemas/errors.js';
import { commitRecord, type Commit } from '../../schemas/records.js';
import { initZstd, zstdDecompress } from '../../storage/arrow/zstd.js';

/** The commits of one segment (a zstd-compressed JSON array). @throws DataError that names `where` */
export async function decodeSegment(bytes: Uint8Array, where: string): Promise<Commit[]> {
  await initZstd();
  const value: unknown = JSON.parse(new TextDecoder().decode(zstdDecompress(bytes)));
  const parsed = commitRecord.array().safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(
    `Expected a list of commits in segment ${where}, found ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}; run \`assay verify\` to find damaged objects.`,
    { segment: where },
  );
}
