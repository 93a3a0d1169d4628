// The conformance suite of stores on a folder: the file driver does what every driver must, up to objects of 128 MiB.
import { join } from 'node:path';
import { openStore } from '../../storage/objects/open-store.js';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { storeConformance } from './store-conformance.js';

const folder = temporaryFolder('store');

storeConformance({
  name: 'file',
  open: () => openStore('file://./data/store', { base: folder }),
  openAgain: () => openStore(join(folder, 'data/store')),
  largeBytes: 128 * 2 ** 20,
});
