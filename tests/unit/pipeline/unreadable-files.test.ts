// A file that the machine fails to read is not called wrong: whoever reads what a user gave lets the system's error through, so that a
// scheduled run is tried again and nobody is told to correct a path that is right.
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { openModel } from '../../../models/open-model.js';
import { readOnnxFile } from '../../../models/model-files.js';
import { readIdsFile } from '../../../models/run-model.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { InputError } from '../../../schemas/errors.js';
import { isMachineFault } from '../../../schemas/system-errors.js';
import { listParts } from '../../../stages/corpus/parts.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

/** Linux reads nothing at its beginning: EIO, as of a disk that fails. */
const FAILING = '/proc/self/mem';

let folder: string;
beforeEach(async () => {
  folder = temporaryFolderOfTest('unreadable');
  await symlink(FAILING, path.join(folder, 'config.json'));
  await symlink(FAILING, path.join(folder, 'a.jsonl'));
});

const readers: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['an ONNX file', () => readOnnxFile(FAILING)],
  ['a model folder', () => openModel(folder)],
  ['token ids', () => readIdsFile(FAILING)],
  ['a run file', () => loadRunFile(FAILING)],
  ['sources', () => listParts(['a.jsonl'], { baseFolder: folder, format: 'auto' })],
];

it.skipIf(process.platform !== 'linux').each(readers)('%s', async (_, read) => {
  const error = await read().catch((thrown: unknown) => thrown);
  expect(error).not.toBeInstanceOf(InputError);
  expect(isMachineFault(error)).toBe(true);
});
