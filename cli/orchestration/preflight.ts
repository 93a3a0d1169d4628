// What `run` asks before it writes anything: whether every source begins with a document, whether ONNX Runtime takes the
// model, whether the disks have room.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { ResourceError } from '../../schemas/errors.js';
import { corpusRule } from '../../stages/corpus/rule.js';
import { checkFirstRecord } from '../../stages/corpus/first-record.js';
import { probeModel } from '../../models/probe-model.js';
import { workerBytes } from '../../pipeline/plan/estimate.js';
import { emptySplitsNote } from '../../pipeline/plan/split-note.js';
import type { ResolvedWithUploads } from '../../pipeline/resolve/resolve-run.js';
import { sourceOpener } from '../../pipeline/resolve/engine.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { missingBytes, planRows } from './plan-rows.js';

/** What is to be said of a run's sources, which begin with documents. @throws InputError that names file and line where one does not */
export async function checkSources(
  { run, notes }: Pick<ResolvedWithUploads, 'run' | 'notes'>,
  folder: string,
): Promise<readonly string[]> {
  for (const part of run.parts)
    await checkFirstRecord(part, corpusRule(run.file.corpus), {
      openSource: sourceOpener(run.file),
      baseFolder: folder,
      format: run.file.corpus.format,
    });
  const split = await emptySplitsNote(run, folder);
  return split === null ? notes : [...notes, split];
}

/** @throws InputError with what ONNX Runtime refuses */
export async function checkModelRuns(resolved: ResolvedWithUploads): Promise<void> {
  const { run, model, edits } = resolved;
  // A device that only the workers have cannot be asked here, nor a model that is not trained yet.
  if (run.file.compute.device === 'cuda' || model === null) return;
  const onnx = model.files[0]?.path ?? '';
  const sites = run.sites.map((site) => site.name);
  const { contextTokens } = run.file.model;
  const { engine } = run;
  await probeModel({ path: onnx, summary: model }, { sites, contextTokens, edits, engine });
}

/** Bytes free for this user on the file system of a folder that exists. */
export type FreeBytes = (folder: string) => Promise<number>;

const freeBytes: FreeBytes = async (folder) => {
  const { bavail, bsize, blocks } = await statfs(folder);
  // Some file systems do not tell.
  return blocks === 0 ? Infinity : bavail * bsize;
};

export interface RoomInput {
  readonly store: ObjectStore;
  readonly run: ResolvedRun;
  /** Folder of the run file. */
  readonly folder: string;
  /** Folder of this machine's workers; null where they are elsewhere. */
  readonly workerFolder: string | null;
}

/** @throws ResourceError with needed and free bytes where the plan does not fit a local store or the workers' folder */
export async function checkRoom(input: RoomInput, free: FreeBytes = freeBytes): Promise<void> {
  const { store, run, folder, workerFolder } = input;
  if (store.folder !== undefined) {
    const needed = missingBytes(await planRows(store, run, { exact: false, folder }));
    await expectRoom({ what: 'the store', place: store.folder, needed }, free);
  }
  if (workerFolder !== null)
    await expectRoom({ what: "the workers' files", place: workerFolder, needed: workerBytes(run) }, free);
}

interface Need {
  readonly what: string;
  readonly place: string;
  readonly needed: number;
}

async function expectRoom({ what, place, needed }: Need, free: FreeBytes): Promise<void> {
  const found = await freeOf(place, free);
  if (found >= needed) return;
  throw new ResourceError(
    `Expected about ${megabytes(needed)} free for ${what} in ${place}, found ${megabytes(found)}. Free space, choose another place (--store), or make the run smaller; \`assay plan\` shows the bytes of each stage.`,
    { path: place, needed, free: found },
  );
}

/** The folder may not exist yet: its nearest parent that does is on the same disk. */
async function freeOf(folder: string, free: FreeBytes): Promise<number> {
  try {
    return await free(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    return freeOf(parent, free);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
