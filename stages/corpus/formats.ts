// What a file is, by its name: format and compression.
import type { Part } from '../../schemas/stored.js';

export type Format = Part['format'];
export type Compression = Part['compression'];

const FORMATS: Readonly<Record<string, Format>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  txt: 'txt',
  text: 'txt',
  parquet: 'parquet',
};
const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  gz: 'gzip',
  gzip: 'gzip',
  zst: 'zstd',
  zstd: 'zstd',
};

export const KNOWN_NAMES = '.jsonl, .ndjson, .json (one object a line), .txt (each also .gz or .zst), .parquet';

/**
 * Format and compression of a file name; null where the name says nothing.
 * @param forced the run file's `corpus.format`; `auto` decides by the name
 */
export function formatOf(
  name: string,
  forced: Format | 'auto',
): { readonly format: Format; readonly compression: Compression } | null {
  const endings = (name.split('/').pop() ?? '').toLowerCase().split('.').slice(1);
  const compression = COMPRESSIONS[endings.at(-1) ?? ''] ?? 'none';
  const ending = endings.at(compression === 'none' ? -1 : -2) ?? '';
  const format = forced === 'auto' ? FORMATS[ending] : forced;
  if (!format || (format === 'parquet' && compression !== 'none')) return null;
  return { format, compression };
}
