// The conformance suite of stores in memory: the driver of most tests does what the real ones do.
import { openStore } from '../../storage/objects/open-store.js';
import { storeConformance } from './store-conformance.js';

storeConformance({
  name: 'memory',
  open: () => openStore('memory://conformance'),
  openAgain: () => openStore('memory://conformance'),
  largeBytes: 8 * 2 ** 20,
});
