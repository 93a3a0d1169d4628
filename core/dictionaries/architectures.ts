// The table of dictionary kinds. Its type demands a row for every name that the run file knows. Whatever applies a kind from here
// honours the input transform of a dictionary that was taken from elsewhere, and the routing of one that has experts.
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { Architecture } from './architecture.js';
import { batchtopk } from './architectures/batchtopk.js';
import { gated } from './architectures/gated.js';
import { jumprelu } from './architectures/jumprelu.js';
import { matryoshka } from './architectures/matryoshka.js';
import { relu } from './architectures/relu.js';
import { topk } from './architectures/topk.js';
import { withInputTransform } from './input-transform.js';
import { withRouting } from './routing/routing.js';

const complete = (kind: Architecture): Architecture => withInputTransform(withRouting(kind));

export const ARCHITECTURES: { readonly [Name in ArchitectureName]: Architecture } = {
  topk: complete(topk),
  relu: complete(relu),
  batchtopk: complete(batchtopk),
  jumprelu: complete(jumprelu),
  gated: complete(gated),
  matryoshka: complete(matryoshka),
};
