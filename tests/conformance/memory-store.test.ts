import { openStore } from '../../storage/objects/open-store.js';
import { storeConformance } from './store-conformance.js';

storeConformance({
  name: 'memory',
  open: () => openStore('memory://conformance'),
  openAgain: () => openStore('memory://conformance'),
  largeBytes: 8 * 2 ** 20,
});
