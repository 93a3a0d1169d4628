// The conformance suite of stores on a folder: the file driver does what every driver must, up to objects of 128 MiB.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../storage/objects/open-store.js';
import { storeConformance } from './store-conformance.js';

let folder = '';

storeConformance({
  name: 'file',
  open: async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-store-'));
    return openStore('file://./data/store', { base: folder });
  },
  openAgain: () => openStore(join(folder, 'data/store')),
  largeBytes: 128 * 2 ** 20,
  close: () => rm(folder, { recursive: true, force: true }),
});
