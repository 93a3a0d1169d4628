// An autoencoder: it reads and writes one site (Bricken et al. 2023; Cunningham et al. 2023).
//
//   z = W_enc (x − b_dec) + b_enc       x_hat = W_decᵀ f + b_dec
//   a kind that does not centre (jumprelu, as Gemma Scope): z = W_enc x + b_enc
//
//   x, x_hat [B, d]    W_enc, W_dec [F, d], a row per feature    b_enc [F]    b_dec [d]
//
// Before the first step W_enc = W_dec (at norm 1), b_dec = x̄ (sparsify's choice; OpenAI's geometric median costs a sample and
// changes little), b_enc = 0, or −W_enc x̄ where the kind does not centre: in both cases z is that of centred rows. Departure:
// Gemma Scope starts b_enc at 0.
import { writeWidths } from '../sites.js';
import type { DictionarySizes } from '../architecture.js';
import type { Wiring } from './wiring.js';

export function sameSite({ sites, features }: DictionarySizes): Wiring {
  const [width = 0] = writeWidths(sites);
  const block = { width, first: 0, features };
  return {
    ...{ mayCentre: true, skip: null, join: 'sum' },
    encoders: [{ ...block, name: 'W_enc', site: 0 }],
    decoders: [{ ...block, name: 'W_dec', bias: 'b_dec', site: 0 }],
  };
}
