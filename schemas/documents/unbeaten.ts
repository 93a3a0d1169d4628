// What is said in every document about a dictionary of the controls that it does not beat.
import { z } from 'zod';

const number = z.number().nullable();

export const unbeatenList = z
  .array(
    z.strictObject({
      control: z.string(),
      verdict: z
        .enum(['better', 'worse', 'undecided', 'unequal'])
        .describe('worse: the interval of the difference lies above 0; undecided: it holds 0'),
      fvu: number.describe('of the control, on the test split'),
      l0: number.describe('of the control'),
      difference: z
        .strictObject({ value: number, lo: number, hi: number })
        .describe('fvu of the dictionary less that of the control; below 0: the dictionary explains more'),
    }),
  )
  .describe('controls that the dictionary does not beat at equal L0; empty also where it was not evaluated');
