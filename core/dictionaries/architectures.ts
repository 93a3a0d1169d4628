// The table of dictionary kinds. Its type demands a row for every name that the run file knows. Whatever applies a kind from here
// honours the input transform of a dictionary that was taken from elsewhere.
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { Architecture } from './architecture.js';
import { batchtopk } from './architectures/batchtopk.js';
import { gated } from './architectures/gated.js';
import { jumprelu } from './architectures/jumprelu.js';
import { matryoshka } from './architectures/matryoshka.js';
import { relu } from './architectures/relu.js';
import { topk } from './architectures/topk.js';
import { withInputTransform } from './input-transform.js';

export const ARCHITECTURES: { readonly [Name in ArchitectureName]: Architecture } = {
  topk: withInputTransform(topk),
  relu: withInputTransform(relu),
  batchtopk: withInputTransform(batchtopk),
  jumprelu: withInputTransform(jumprelu),
  gated: withInputTransform(gated),
  matryoshka: withInputTransform(matryoshka),
};
