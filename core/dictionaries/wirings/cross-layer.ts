// A cross-layer transcoder: features of layer l read the l-th site and write the l-th site written and all after it (Ameisen et
// al. 2025, "Circuit tracing", transformer-circuits.pub).
//
//   z^l = W_enc.l x_l + b_enc^l       x_hat_m = Σ_{l ≤ m} W_dec^{l → m}ᵀ f^l + b_dec.m,  m = 0 … L − 1
//
//   n features a layer, F = L n in all; feature l n + i is the i-th of layer l
//   x_l [B, d_l]    W_enc.l [n, d_l]    b_enc [L n]    b_dec.m [d_m]    W_dec.m [(m + 1) n, d_m]: rows of W_dec^{l → m}, l = 0 … m
//
// Features of layers 0 … m are the first (m + 1) n, so what is written at m is one product of a prefix of f. circuit-tracer's files
// hold the same rows by the layer that is read. Where a kind keeps unit rows, a feature's row is that over all sites it writes.
// A penalty weighs f_i by the sum of its decoders' norms (departure: the source takes the norm of their concatenation, inside a
// tanh). k counts the features of all layers together. b_in as for a transcoder (other-site.ts), per layer.
import { readWidths, writeWidths } from '../sites.js';
import type { DictionarySizes } from '../architecture.js';
import type { Wiring } from './wiring.js';

export function crossLayer({ sites, features }: DictionarySizes): Wiring {
  const each = features / sites.reads.length;
  return {
    ...{ mayCentre: false, skip: null, join: 'concatenate' },
    encoders: readWidths(sites).map((width, site) => ({
      ...{ name: `W_enc.${site}`, site, width },
      ...{ first: site * each, features: each },
    })),
    decoders: writeWidths(sites).map((width, site) => ({
      ...{ name: `W_dec.${site}`, bias: `b_dec.${site}` },
      ...{ site, width, first: 0, features: (site + 1) * each },
    })),
  };
}
