// Frequencies of rotary positions, plain and stretched, in the float32 steps in which transformers computes them, so that angles at
// late positions agree with it.
//
//   plain    f_i = 1 / θ^(2i / r), i < r / 2                                            Su et al. 2021
//   linear   f_i / s                                                                    Chen et al. 2023
//   llama3   wavelength λ = 2π / f: f below λ < L / high, f / s above λ > L / low, between them
//            (1 − t) f / s + t f, t = (L / λ − low) / (high − low)                       Llama 3.1's reference code
//   yarn     f_i (1 − ramp) + f_i / s · ramp, ramp from 0 at the dimension that turns `fast` times within L positions to 1 at the
//            one that turns `slow` times; cos and sin times 0.1 ln s + 1                 Peng et al. 2023, section 3
// s factor, L positions of the original training.
import type { Rotary } from './decoder-spec.js';

export type RotaryStretch =
  | { readonly kind: 'default' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly low: number;
      readonly high: number;
      readonly original: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly fast: number;
      readonly slow: number;
      readonly original: number;
      /** Multiplier of cos and sin. */
      readonly scale: number;
      /** Whether the ramp's ends are rounded to whole dimensions. */
      readonly truncate: boolean;
    };

/** The rotary positions of a head of which `width` coordinates turn. */
export function rotaryOf(base: number, width: number, stretch: RotaryStretch): Rotary {
  const plain = plainFrequencies(base, width);
  const scale = stretch.kind === 'yarn' ? stretch.scale : 1;
  return { width, frequencies: stretched(plain, { base, width, stretch }), scale };
}

const { fround } = Math;

function plainFrequencies(base: number, width: number): number[] {
  return Array.from({ length: width / 2 }, (_, i) => fround(1 / fround(base ** fround((2 * i) / width))));
}

interface Setting {
  readonly base: number;
  readonly width: number;
  readonly stretch: RotaryStretch;
}

function stretched(plain: readonly number[], { base, width, stretch }: Setting): readonly number[] {
  switch (stretch.kind) {
    case 'default':
      return plain;
    case 'linear':
      return plain.map((f) => fround(f / stretch.factor));
    case 'llama3':
      return plain.map((f) => llama3(f, stretch));
    case 'yarn': {
      const ramp = yarnRamp({ base, width, stretch });
      return plain.map((f, i) => {
        const share = ramp[i] ?? 0;
        return fround(f * (1 - share) + (f / stretch.factor) * share);
      });
    }
  }
}

function llama3(f: number, { factor, low, high, original }: RotaryStretch & { readonly kind: 'llama3' }): number {
  const wavelength = (2 * Math.PI) / f;
  if (wavelength > original / low) return fround(f / factor);
  if (wavelength < original / high) return f;
  const t = (original / wavelength - low) / (high - low);
  return fround(((1 - t) * f) / factor + t * f);
}

function yarnRamp({
  base,
  width,
  stretch,
}: Setting & { readonly stretch: { readonly kind: 'yarn' } & RotaryStretch }): number[] {
  const { fast, slow, original, truncate } = stretch;
  const dimension = (turns: number): number =>
    (width * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [from, to] = [dimension(fast), dimension(slow)];
  const low = Math.max(truncate ? Math.floor(from) : from, 0);
  const end = Math.min(truncate ? Math.ceil(to) : to, width - 1);
  const high = low === end ? end + 0.001 : end;
  return Array.from({ length: width / 2 }, (_, i) => Math.min(1, Math.max(0, (i - low) / (high - low))));
}
