// How much memory a step takes, from its settings alone: what its slices lay out, and what crosses between them.
//
//   bytes = Σ over slices (arrays + exchange + 8·F_s) + 4·B·R
//
// F_s features of a slice (the step in which each fired last, and in how many), R numbers of a row that is read, B rows of a batch.
import { planSlices } from '../core/dictionaries/slices.js';
import { bytesOfSlice } from './slice/arrays.js';
import { bytesOfExchange } from './slice/exchange.js';
import { commonSettings, type DictionaryStepSettings } from './step-settings.js';

/** From so many features on, two threads are worth what crosses between them. */
const TWO_SLICES_FROM = 8192;
/** Bytes of one slice at most: WebAssembly addresses 4 GiB. */
const SLICE_BYTES = 3.75 * 2 ** 30;

/** Bytes of a step's arrays. @throws InputError where features do not divide by the slices */
export function bytesOfStep(step: DictionaryStepSettings): number {
  const plan = planSlices(step.shape, step.slices);
  const common = commonSettings(step);
  const shared = 4 * step.batchRows * plan.reads.stride;
  return plan.slices.reduce((sum, slice) => {
    const settings = { ...common, slice };
    return sum + bytesOfSlice(settings) + bytesOfExchange(settings) + 8 * slice.features;
  }, shared);
}

/**
 * In how many slices a dictionary is trained where nobody says it: a function of its sizes, because the number is part of the key.
 * Two from 8,192 features on, more where a slice would outgrow its memory; always a divisor of the features.
 */
export function slicesToTrain(step: Omit<DictionaryStepSettings, 'slices'>): number {
  const { features, sites } = step.shape;
  if (sites.crossLayer) return 1;
  const common = commonSettings({ ...step, slices: 1 });
  const fits = (slices: number): boolean => {
    const [slice] = planSlices(step.shape, slices).slices;
    return slice !== undefined && bytesOfSlice({ ...common, slice }) <= SLICE_BYTES;
  };
  const divisors = [1, 2, 4, 8, 16, 32, 64, 128, 256].filter((slices) => features % slices === 0);
  const wanted = features >= TWO_SLICES_FROM ? 2 : 1;
  return divisors.find((slices) => slices >= wanted && fits(slices)) ?? divisors.filter(fits)[0] ?? 1;
}

/** The most features with which the same training takes at most so many bytes; 0 where none does. A multiple of 64 and of the slices. */
export function largestThatFits(bytes: number, of: (features: number) => DictionaryStepSettings): number {
  const unit = 64 * of(64).slices;
  const fits = (units: number): boolean => bytesOfStep(of(units * unit)) <= bytes;
  let [low, high] = [0, 1];
  while (fits(high) && high < 2 ** 24) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low * unit;
}
