// A transcoder: it reads one site and writes another (Dunefsky et al. 2024, arXiv 2406.11944), with or without a linear way beside
// the features (Paulo et al. 2025, arXiv 2501.18823).
//
//   z = W_enc x + b_enc       x_hat = W_decᵀ f + b_dec + W_skip x
//
//   x [B, d_in]    x_hat [B, d_out]    W_enc [F, d_in]    W_dec [F, d_out]    b_enc [F]    b_dec [d_out]    W_skip [d_out, d_in]
//
// Two biases belong to it: b_in, subtracted from what is read, and b_out, added to what is written. b_out is stored as b_dec.
// b_in has no tensor: W_enc (x − b_in) + b = W_enc x + (b − W_enc b_in), so b_enc holds it, as in the sources and in
// circuit-tracer's files. Before the first step b_in = x̄, that is b_enc = −W_enc x̄; b_out is the mean of what is written; W_skip = 0.
// Departure: the sources start b_enc at 0.
import { readWidths, writeWidths } from '../sites.js';
import type { DictionarySizes } from '../architecture.js';
import type { Wiring } from './wiring.js';

export function otherSite({ sites, features }: DictionarySizes): Wiring {
  const [[d_in = 0], [d_out = 0]] = [readWidths(sites), writeWidths(sites)];
  const block = { site: 0, first: 0, features };
  return {
    ...{ mayCentre: false, join: 'sum', skip: sites.skip ? { name: 'W_skip', d_in, d_out } : null },
    encoders: [{ ...block, name: 'W_enc', width: d_in }],
    decoders: [{ ...block, name: 'W_dec', bias: 'b_dec', width: d_out }],
  };
}
