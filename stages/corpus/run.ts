// The corpus stage: a part on this machine, or a copy of a remote one, goes to a compute child and comes back as shards.
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { DataError, ResourceError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore, type OpenStoreOptions } from '../../storage/objects/open-store.js';
import type { CorpusConfig, CorpusInputs } from './config.js';
import type { Part } from '../../schemas/stored.js';
import type { ChildOutput, StageContext, StageRun } from '../stage.js';
import type { CorpusRequest } from './task.js';
import { isRemote, remotePartFiles, type OpenSource, type PartFile } from './part-files.js';

/** Opens the store of a remote part. */
export type OpenPartStore = (url: string, options: OpenStoreOptions) => Promise<ObjectStore>;

/** The run of the corpus stage; tests give another way to open stores. */
export function createCorpusRun(openPartStore: OpenPartStore): StageRun<CorpusConfig, CorpusInputs> {
  return async (item, config, context) => {
    const key = item.keys[0] ?? '';
    const part = partOf(item.inputs, config);
    const { storeOptions } = config.aux;
    const open: OpenSource = (url) => openPartStore(url, { storeOptions });
    const at = isRemote(part.location) ? await copyRemote(part, open, context) : part.location;
    const request: CorpusRequest = { part, path: at, key, config: config.keyed, spool: context.spool };
    const { files, statistics } = await context.children.call<ChildOutput>('corpus', request, {
      signal: context.signal,
      onProgress: (value) => {
        context.progress(value as { rows: number });
      },
    });
    return { finished: true, outputs: [{ key, files, statistics, engine: null }] };
  };
}

export const runCorpus = createCorpusRun(openStore);

function partOf(inputs: CorpusInputs, config: CorpusConfig): Part {
  const part = config.aux.parts.find((p) => p.digest === inputs.part && p.format === inputs.format);
  if (part) return part;
  throw new DataError(
    `Expected part ${inputs.part.slice(0, 16)}… among the ${config.aux.parts.length} parts of the run's configuration, found none; plan the run again.`,
    { part: inputs.part },
  );
}

/** A local copy of a part in S3, in the spool folder. Returns its file or folder. */
async function copyRemote(part: Part, openSource: OpenSource, context: StageContext): Promise<string> {
  const { signal, spool } = context;
  const root = path.join(spool, 'part');
  await mkdir(root, { recursive: true });
  const files = await remotePartFiles(part, openSource, signal);
  for (const file of files)
    await copyFile(file, part.kind === 'file' ? path.join(root, 'file') : path.join(root, file.id));
  return part.kind === 'file' ? path.join(root, 'file') : root;
}

async function copyFile(file: PartFile, target: string): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const handle = await open(target, 'w');
  try {
    for await (const chunk of (await file.open()).chunks()) await handle.writeFile(chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new ResourceError(
      `Expected room for a copy of ${file.label} in the spool folder, the disk is full; free some, or point the worker to another folder.`,
      { file: file.label },
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}
