// Writes a stored dictionary as the files of another program, into a folder that is empty or not there.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readAssayWeights } from '../../core/interop/assay-weights.js';
import type { TakenDictionary } from '../../core/interop/taken-dictionary.js';
import { writeSaelens } from '../../core/interop/write-saelens.js';
import { writeSparsify } from '../../core/interop/write-sparsify.js';
import type { ExportFacts, WrittenDictionary } from '../../core/interop/written-dictionary.js';
import { encodeSafetensors } from '../../core/tensor/safetensors.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { fetchDataToFile } from '../../storage/records/data-stream.js';
import { openTensors } from './place.js';

export const EXPORT_FORMATS = ['saelens', 'sparsify'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const WRITERS: Readonly<Record<ExportFormat, (of: TakenDictionary, facts: ExportFacts) => WrittenDictionary>> = {
  saelens: writeSaelens,
  sparsify: writeSparsify,
};

export interface ExportTakenRequest {
  readonly weights: ObjectRecord;
  readonly facts: ExportFacts;
  readonly format: ExportFormat;
  readonly folder: string;
}

export interface Exported {
  readonly kind: string;
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
  readonly notes: readonly string[];
}

/** @throws InputError where the format cannot hold the dictionary, or the folder holds anything */
export async function exportTaken(store: ObjectStore, request: ExportTakenRequest): Promise<Exported> {
  const { weights, facts, format, folder } = request;
  await refuseFilled(folder);
  const dictionary = await readStored(store, weights, facts.name);
  const written = WRITERS[format](dictionary, facts);
  await mkdir(folder, { recursive: true });
  const cfg = path.join(folder, 'cfg.json');
  const text = new TextEncoder().encode(`${JSON.stringify(written.cfg, null, 1)}\n`);
  const first = await writeChunks(cfg, [text]);
  const second = await writeChunks(
    path.join(folder, written.file),
    encodeSafetensors(written.tensors, { format: 'pt', assay: weights.sha256 }),
  );
  return { kind: written.kind, files: [first, second], notes: written.notes };
}

async function readStored(store: ObjectStore, weights: ObjectRecord, name: string): Promise<TakenDictionary> {
  const spool = await mkdtemp(path.join(os.tmpdir(), 'assay-export-'));
  try {
    const file = path.join(spool, 'weights.safetensors');
    await fetchDataToFile(store, weights, { path: file });
    // Messages name the dictionary, not the copy.
    return await readAssayWeights({ ...(await openTensors(file)), name });
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
}

async function refuseFilled(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  throw new InputError(
    `Expected a folder that is empty or not there for --out, found ${names.slice(0, 5).join(', ')} in ${folder}; give another one.`,
    { folder },
  );
}
