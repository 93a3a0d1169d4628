// A crosscoder: each feature reads all sites of one list and writes all sites of another (Lindsey et al. 2024, "Sparse crosscoders
// for cross-layer features and model diffing").
//
//   z = Σ_r W_enc.r x_r + b_enc       x_hat_w = W_dec.wᵀ f + b_dec.w
//
//   x_r [B, d_r], r = 0 … the sites read    x_hat_w [B, d_w], w = 0 … the sites written
//   W_enc.r [F, d_r]    W_dec.w [F, d_w]    b_enc [F]    b_dec.w [d_w]
//
// One encoder over the concatenation of what is read and one decoder over that of what is written, stored as a tensor per site.
// Where a kind keeps unit rows, a feature's row is that of the concatenation: Σ_w ‖W_dec.w_i‖² = 1 in scaled units; every site is
// brought to E‖x‖² ≈ d first. A penalty weighs f_i by Σ_w ‖W_dec.w_i‖ (the source's L1 of norms).
// b_in as for a transcoder (other-site.ts): b_enc = −Σ_r W_enc.r x̄_r before the first step.
import { readWidths, writeWidths } from '../sites.js';
import type { DictionarySizes } from '../architecture.js';
import type { Wiring } from './wiring.js';

export function lists({ sites, features }: DictionarySizes): Wiring {
  return {
    ...{ mayCentre: false, skip: null, join: 'sum' },
    encoders: readWidths(sites).map((width, site) => ({ name: `W_enc.${site}`, site, width, first: 0, features })),
    decoders: writeWidths(sites).map((width, site) => ({
      ...{ name: `W_dec.${site}`, bias: `b_dec.${site}` },
      ...{ site, width, first: 0, features },
    })),
  };
}
