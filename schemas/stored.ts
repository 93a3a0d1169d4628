// What stored records and settings say alike: files by digest, models, parts of a corpus, settings of inference; sizes of
// stored objects. Types and numbers, no code.
import type { ResolvedEdit } from './model-edits.js';

/** A model: an ONNX file by digest, plus edits that make it another model. `base` covers external data. */
export interface ModelReference {
  readonly base: string;
  readonly edits: readonly ResolvedEdit[];
}

/** Settings of inference that can change last bits. */
export interface EngineConfig {
  readonly ort: string;
  readonly provider: 'cpu' | 'cuda' | 'webgpu';
  readonly threads: number;
  readonly optimisation: 'disabled' | 'basic' | 'extended' | 'all';
}

export interface StoredFile {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A source file (or folder of .txt files) of the corpus. */
export interface Part {
  /** sha256 of the file's bytes; of a folder: digest of its sorted [name, sha256] list. */
  readonly digest: string;
  readonly bytes: number;
  /** Absolute local path or s3:// URL. */
  readonly location: string;
  readonly kind: 'file' | 'folder';
  readonly format: 'jsonl' | 'txt' | 'parquet';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Id of the document that a single .txt file is: its path relative to the run file (or the s3:// prefix). */
  readonly name?: string | undefined;
}

export type SplitRule =
  { readonly field: string } | { readonly fit: number; readonly calib: number; readonly test: number };

/** Version of every stored record and table; readers refuse a newer one. */
export const FORMAT_VERSION = 1;

/** Largest stored object, in bytes; larger content is cut into chunks of this size. */
export const MAX_OBJECT_BYTES = 128 * 2 ** 20;
