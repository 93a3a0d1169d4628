// Files above 2 GiB are read where their tensors lie, never as a whole: checkpoints, tensors of edits, weights. The files are sparse;
// 3 GB of content and the memory that it takes are measured by `npm run prove -- size`.
import path from 'node:path';
import { expect, it } from 'vitest';
import { safeTensor } from '../../../../core/tensor/safetensors.js';
import { EditFiles } from '../../../../models/edit-values.js';
import { readState } from '../../../../stages/training-state.js';
import { SafetensorsFile } from '../../../../storage/files/safetensors-file.js';
import { PADDING_BYTES, writeSparseSafetensors } from '../../../harness/sparse-safetensors.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

const weights = Float32Array.of(1.5, -2, 0.25, 8, 3, -0.5);
const counters = BigInt64Array.of(2n ** 40n, -7n);

async function largeFile(): Promise<string> {
  const file = path.join(temporaryFolderOfTest('large'), 'state.safetensors');
  const tensors = new Map([
    ['W', safeTensor(weights, [2, 3])],
    ['since', safeTensor(counters, [2])],
  ]);
  await writeSparseSafetensors(file, tensors);
  return file;
}

it('a checkpoint above 2 GiB is read', async () => {
  const state = await readState(await largeFile(), [
    { name: 'W', shape: [2, 3], type: 'float32' },
    { name: 'since', shape: [2], type: 'int64' },
  ]);
  expect(state).toEqual(
    new Map<string, unknown>([
      ['W', weights],
      ['since', counters],
    ]),
  );
});

it('a tensor of an edit is read out of a file above 2 GiB', async () => {
  const file = await largeFile();
  expect(await new EditFiles().tensor(file, 'W')).toEqual({ shape: [2, 3], data: weights });
  await expect(new EditFiles().tensor(file, 'V')).rejects.toThrow(/Expected a tensor "V" .*W/);
});

it('a file that ends before a tensor is refused with its name and bytes', async () => {
  const file = await largeFile();
  const { truncate } = await import('node:fs/promises');
  const open = await SafetensorsFile.open(file);
  await truncate(file, PADDING_BYTES);
  await expect(open.read('W')).rejects.toThrow(/Expected 24 bytes of tensor W .* found 0/);
  await open.close();
  await expect(SafetensorsFile.open(file)).rejects.toThrow('after the end of the file');
});
