// The table of dictionary kinds. Its type demands a row for every name that the run file knows.
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { Architecture } from './architecture.js';
import { batchtopk } from './architectures/batchtopk.js';
import { gated } from './architectures/gated.js';
import { jumprelu } from './architectures/jumprelu.js';
import { matryoshka } from './architectures/matryoshka.js';
import { relu } from './architectures/relu.js';
import { topk } from './architectures/topk.js';

export const ARCHITECTURES: { readonly [Name in ArchitectureName]: Architecture } = {
  topk,
  relu,
  batchtopk,
  jumprelu,
  gated,
  matryoshka,
};
