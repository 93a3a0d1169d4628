// The table of wirings: how features are tied to the sites that they read and write. Any kind (architectures.ts) may have any of
// them, but for what its `lacks` says. Typed so that an omission does not compile.
import type { DictionarySizes } from './architecture.js';
import { type WiringName, wiringName } from './sites.js';
import type { Wiring } from './wirings/wiring.js';
import { crossLayer } from './wirings/cross-layer.js';
import { lists } from './wirings/lists.js';
import { otherSite } from './wirings/other-site.js';
import { sameSite } from './wirings/same-site.js';

const WIRINGS: { readonly [Name in WiringName]: (sizes: DictionarySizes) => Wiring } = {
  same: sameSite,
  other: otherSite,
  lists,
  crossLayer,
};

/** The wiring of a dictionary. */
export function wiringOf(sizes: DictionarySizes): Wiring {
  return WIRINGS[wiringName(sizes.sites)](sizes);
}
