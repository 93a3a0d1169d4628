// What a run needs in its store besides its corpus.
import { dataKey, PARTS_EXTENSION } from '../../storage/records/key-layout.js';
import { MAX_OBJECT_BYTES, type StoredFile } from '../../schemas/stored.js';

/** What a run needs in its store: a local file, or bytes that were read from one. */
export interface Upload {
  readonly content: { readonly path: string } | { readonly bytes: Uint8Array };
  readonly stored: StoredFile;
  readonly extension: string;
}

/** A content with the place that it will have in the store; what is larger than one object is stored in parts. */
export function upload(
  content: Upload['content'],
  { sha256, bytes }: { readonly sha256: string; readonly bytes: number },
  extension: string,
): Upload {
  const key = dataKey(sha256, bytes > MAX_OBJECT_BYTES ? PARTS_EXTENSION : extension);
  return { content, extension, stored: { key, sha256, bytes } };
}
